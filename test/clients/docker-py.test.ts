import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importBusybox } from '../e2e/support/busybox.ts';
import { withDaemon } from '../e2e/support/daemon.ts';
import { run } from '../e2e/support/run.ts';

/** Exercises the engine as programs written for docker-py do; any failed assertion is an exception and so an exit code. */
const PROGRAM = `
import docker, io, tarfile, sys
client = docker.from_env()
assert client.ping()
assert client.version()['ApiVersion']

out = client.containers.run('busybox', ['echo', 'hello'], remove=True)
assert out == b'hello\\n', out
try:
    client.containers.run('busybox', ['sh', '-c', 'echo oops >&2; exit 3'], remove=True)
    assert False, 'no error'
except docker.errors.ContainerError as e:
    assert e.exit_status == 3, e
    assert b'oops' in e.stderr, e.stderr

volume = client.volumes.create('pyvol', labels={'a': 'b'})
network = client.networks.create('pynet', driver='bridge')
c = client.containers.run('busybox', 'sleep 1000', name='py', detach=True, network='pynet',
    environment={'A': '1'}, volumes={'pyvol': {'bind': '/data', 'mode': 'rw'}}, ports={'80/tcp': None}, labels=['x'])
c.reload()
assert c.status == 'running', c.status
assert 'pynet' in c.attrs['NetworkSettings']['Networks']
assert c.ports['80/tcp'][0]['HostPort']
code, output = c.exec_run(['sh', '-c', 'echo $A; echo kept > /data/f'])
assert (code, output) == (0, b'1\\n'), (code, output)
code, (stdout, stderr) = c.exec_run(['sh', '-c', 'echo o; echo e >&2; exit 5'], demux=True)
assert (code, stdout, stderr) == (5, b'o\\n', b'e\\n')
assert [x.name for x in client.containers.list(filters={'label': 'x'})] == ['py']
c.stop(timeout=0)
assert c.wait()['StatusCode'] == 137
c.remove()
assert client.containers.run('busybox', ['cat', '/data/f'], remove=True, volumes=['pyvol:/data']) == b'kept\\n'
network.remove()
volume.remove()
try:
    client.containers.get('py')
    assert False, 'still there'
except docker.errors.NotFound:
    pass

image, log = client.images.build(fileobj=io.BytesIO(b'FROM busybox\\nRUN echo built > /built\\nCMD cat /built\\n'), tag='py:built', rm=True)
assert 'py:built' in image.tags
assert any('Step 1/3' in line.get('stream', '') for line in log)
assert client.containers.run('py:built', remove=True) == b'built\\n'
data = b''.join(image.save())
client.images.remove('py:built')
loaded = client.images.load(data)
assert loaded, loaded
client.images.remove(loaded[0].id, force=True)
print('all well')
`;

test('docker-py: run, exec, networks, volumes, build, save and load', async () => {
  await withDaemon(async (daemon) => {
    await importBusybox(daemon.socket);
    const outcome = await run('python3', ['-c', PROGRAM], { env: daemon.env });
    assert.equal(outcome.stdout, 'all well\n', outcome.stderr);
  });
});
