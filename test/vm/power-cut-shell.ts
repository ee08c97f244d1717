/** What runs inside of the machine whose power goes: lines of shell. */
export const ENV = 'export WHARF_HOST=unix:///run/wharf/wharf.sock PATH=/wharf/bin:$PATH';

/** The engine and a registry, as services of the machine's systemd. Resolves when both answer. */
export const START = `${ENV}
cd /wharf
# Kept on the machine's disk: it starts in a fraction of the time.
[ -e dist/wharf.js ] || node_modules/node-linux-*/bin/node scripts/bundle.ts >/dev/null || exit 1
systemd-run -q --unit wharf-registry /wharf/bin/wharf registry serve --data /var/lib/registry --listen 127.0.0.1:5000
systemd-run -q --unit wharf -p Delegate=yes -p KillMode=process /wharf/bin/wharfd --data-root /var/lib/wharf \
  --exec-root /run/wharf --group root --host $WHARF_HOST --insecure-registry 127.0.0.1:5000
for i in $(seq 240); do wharf version >/dev/null 2>&1 && exit 0; sleep 0.5; done
journalctl -u wharf -n 20 --no-pager; exit 1`;

/** An image here, one in the registry only, a context to build from, and a container that must always be up. */
export const PREPARE = `${ENV}
set -e
wharf import /var/cache/wharf/base-images/busybox-*.tar busybox
mkdir -p /root/context && cd /root/context
head -c 3000000 /dev/urandom > noise
for i in $(seq 300); do echo $i > file-$i; done
printf 'FROM busybox\\nCOPY . /files\\nRUN ls /files | wc -l > /count && cp /files/noise /again\\n' > Dockerfile
wharf build -q -t 127.0.0.1:5000/noise .
wharf push -q 127.0.0.1:5000/noise
wharf rmi 127.0.0.1:5000/noise
wharf run -d --restart always --name always busybox sh -c 'while :; do date; sleep 1; done'
sync`;

/** Works for ever; says what is done once the client was told that it is done. */
export const WORK = `${ENV}
cd /root
(n=0; while :; do n=$((n+1)); name=small-ROUND-$n
  wharf volume create $name >/dev/null && echo "there volume $name"
  wharf run --rm -v $name:/data busybox sh -c "echo $name > /data/f && sync" && echo "there file $name"
  wharf create --name $name busybox true >/dev/null && echo "there container $name"
  wharf tag busybox $name:tag && echo "there tag $name"
  # While it is being removed it may be either.
  echo "either container $name"
  wharf rm $name >/dev/null && echo "gone container $name"
done) &
(n=0; while :; do n=$((n+1)); name=built-ROUND-$n
  wharf build -q --no-cache -t $name context >/dev/null && echo "there image $name"
done) &
(while :; do
  wharf pull -q 127.0.0.1:5000/noise >/dev/null && echo "there image 127.0.0.1:5000/noise"
  echo "either image 127.0.0.1:5000/noise"
  wharf rmi 127.0.0.1:5000/noise >/dev/null && echo "gone image 127.0.0.1:5000/noise"
  echo "either image 127.0.0.1:5000/noise"
done) &
wait`;

/** Commands that succeed if a thing is there, and whole. */
export const LOOK: Readonly<Record<string, (name: string) => string>> = {
  volume: (name) => `wharf volume inspect ${name}`,
  file: (name) => `grep -qx ${name} /var/lib/wharf/volumes/${name}/_data/f`,
  container: (name) => `wharf container inspect ${name}`,
  tag: (name) => `wharf image inspect ${name}:tag`,
  image: (name) => `wharf save -o /dev/null ${name}`,
};

export const RUNS = `wharf run --rm busybox echo runs still
for i in $(seq 60); do [ "$(wharf inspect -f '{{.State.Running}}' always)" = true ] && break; sleep 1; done
[ "$(wharf inspect -f '{{.State.Running}}' always)" = true ] || echo 'damaged container always'
ls -A /var/lib/wharf/tmp | sed 's/^/damaged left-in-tmp /'`;
