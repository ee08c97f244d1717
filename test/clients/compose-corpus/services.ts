import type { Cases } from './case.ts';

const service = (body: string, rest = ''): string =>
  `services:\n  web:\n    image: nginx\n${body.replace(/^(?=.)/gm, '    ')}\n${rest}`;

/** Each attribute of a service in each of its forms. */
export const SERVICE_CASES: Cases = {
  'image only': service(''),
  'command as a string': service('command: sh -c "echo hi  there" \'a b\' c\\ d'),
  'command as a list': service('command: [sh, -c, "echo <$$HOME> & more"]'),
  'command empty list': service('command: []'),
  'command empty string': service('command: ""'),
  'command null': service('command: null'),
  'command multi line': service('command: >\n  nginx\n  -g "daemon off;"'),
  'entrypoint as a string': service('entrypoint: /entry.sh --flag'),
  'entrypoint as a list': service('entrypoint: ["/entry.sh", "a"]\ncommand: x'),
  'entrypoint empty': service('entrypoint: []'),
  'environment map': service('environment: {A: 1, B: "two", C: true, D: , E: "", F: 1.50, G: "a$$b"}'),
  'environment list': service('environment: [A=1, B=two=three, C=, SET_IN_SHELL, UNSET_ANYWHERE]'),
  'environment numbers': service(
    'environment: {A: 0644, B: 1e3, C: 0x10, D: 1.0, E: .5, F: 1_000, G: -3, H: 12345678901234567890}',
  ),
  'environment words': service('environment: {A: yes, B: off, C: ~, D: "null", E: true, F: "true", G: y}'),
  'labels map': service('labels: {a.b: c, n: 1, t: true, e: }'),
  'labels list': service('labels: [a.b=c, d, "e=f=g"]'),
  annotations: service('annotations: {x: y, n: 2}'),
  'annotations list': service('annotations: [x=y]'),
  'ports short': service(
    'ports: ["80", "8080:80", "127.0.0.1:8081:80", "127.0.0.1::82", "9090-9092:90-92", "6060:6060/udp"]',
  ),
  'ports numbers': service('ports: [80, 443]'),
  'ports ranges': service('ports: ["3000-3002", "8000-8005:80", "[::1]:6000:6000"]'),
  'ports long': service(
    'ports:\n  - target: 80\n    published: "8080"\n    protocol: tcp\n    mode: host\n  - {target: 53, published: 5300-5310, protocol: udp, host_ip: 127.0.0.1, name: dns, app_protocol: dns}\n  - {target: 1}',
  ),
  'ports long number': service('ports:\n  - {target: 80, published: 8080}\n  - {target: "81", published: "8081"}'),
  'ports twice': service('ports: ["80:80", "80:80", "81:80"]'),
  expose: service('expose: [80, "81-83", "53/udp"]'),
  'volumes short': service(
    'volumes: ["./a:/a", "~/h:/h", "/abs:/abs:ro", data:/data, /anon, "data2:/d2:ro,nocopy", "./z:/z:z", "./c:/c:cached", "./p:/p:rshared"]',
    'volumes: {data: , data2: }',
  ),
  'volumes trailing slash': service('volumes: ["./a/:/a/", "../b:/b/../c", ".:/here"]'),
  'volumes bind long': service(
    'volumes:\n  - type: bind\n    source: ./src\n    target: /dst\n    read_only: true\n    bind: {propagation: rslave, create_host_path: false, selinux: Z, recursive: readonly}\n  - {type: bind, source: /abs, target: /other}\n  - {type: bind, source: ~/home, target: /h, consistency: cached}',
  ),
  'volumes volume long': service(
    'volumes:\n  - {type: volume, source: data, target: /data, volume: {nocopy: true, subpath: in/side, labels: {a: b}}}\n  - {type: volume, target: /anon}',
    'volumes: {data: }',
  ),
  'volumes tmpfs': service(
    'volumes:\n  - {type: tmpfs, target: /t, tmpfs: {size: 64M, mode: 0o1777}}\n  - {type: tmpfs, target: /u, tmpfs: {size: 1000}}\n  - {type: tmpfs, target: /v}',
  ),
  'volumes image': service(
    'volumes:\n  - {type: image, source: busybox, target: /i, image: {subpath: bin}}\n  - {type: image, source: other, target: /o}',
  ),
  'tmpfs string': service('tmpfs: /run'),
  'tmpfs list': service('tmpfs: ["/run:size=64m,mode=1777", /tmp]'),
  'healthcheck string': service(
    'healthcheck: {test: curl -f http://localhost || exit 1, interval: 90s, timeout: 1m30s, retries: 5, start_period: 500ms, start_interval: 1h}',
  ),
  'healthcheck list': service('healthcheck: {test: [CMD, curl, "-f", "http://$$HOST"], retries: 3}'),
  'healthcheck none': service('healthcheck: {test: [NONE]}'),
  'healthcheck disable': service('healthcheck: {disable: true}'),
  'healthcheck only interval': service('healthcheck: {interval: 1m}'),
  'depends_on list': service('depends_on: [b, a]', '  a: {image: x}\n  b: {image: y}\n'),
  'depends_on map': service(
    'depends_on:\n  a: {condition: service_healthy}\n  b: {condition: service_completed_successfully, required: false, restart: true}',
    '  a: {image: x}\n  b: {image: y}\n',
  ),
  links: service('links: ["a:alias", b]', '  a: {image: x}\n  b: {image: y}\n'),
  external_links: service('external_links: ["other:o", third]'),
  volumes_from: service('volumes_from: ["a:ro", "container:z"]', '  a: {image: x}\n'),
  'network_mode host': service('network_mode: host'),
  'network_mode none': service('network_mode: none'),
  'network_mode service': service('network_mode: service:a', '  a: {image: x}\n'),
  'network_mode container': service('network_mode: container:abc'),
  'ipc and pid of a service': service(
    'ipc: service:a\npid: service:a\nuts: host\nuserns_mode: host',
    '  a: {image: x, ipc: shareable}\n',
  ),
  'networks list': service('networks: [front, back]', 'networks: {front: , back: }'),
  'networks map': service(
    'networks:\n  front: {aliases: [w, www], ipv4_address: 10.5.0.5, ipv6_address: "2001:db8::5", priority: 1000, link_local_ips: [169.254.8.8], mac_address: 02:42:ac:11:65:43, driver_opts: {a: 1}, gw_priority: 1, interface_name: eth7}\n  back:',
    'networks: {front: {ipam: {config: [{subnet: 10.5.0.0/24}]}}, back: }',
  ),
  'networks empty map': service('networks: {}'),
  'networks default written': service('networks: {default: {aliases: [x]}}'),
  dns: service('dns: 8.8.8.8\ndns_search: example.com\ndns_opt: [use-vc, ndots:2]'),
  'dns lists': service('dns: [8.8.8.8, 9.9.9.9]\ndns_search: [a.b, c.d]'),
  'extra_hosts list': service('extra_hosts: ["a:1.2.3.4", "b=5.6.7.8", "c:host-gateway", "d=[::1]", "e:::1"]'),
  'extra_hosts map': service('extra_hosts: {a: 1.2.3.4, b: host-gateway, c: ["1.1.1.1", "2.2.2.2"]}'),
  capabilities: service('cap_add: [NET_ADMIN, SYS_TIME]\ncap_drop: [ALL]\nprivileged: false\nread_only: true'),
  security: service(
    'security_opt: ["no-new-privileges:true", "label:disable"]\ngroup_add: [audio, 1000]\nuser: "1000:1000"',
  ),
  'user as a number': service('user: "1000"\nworking_dir: /srv\nhostname: h\ndomainname: d.e'),
  'sysctls map': service('sysctls: {net.core.somaxconn: 1024, net.ipv4.x: "0"}'),
  'sysctls list': service('sysctls: [net.core.somaxconn=1024]'),
  ulimits: service('ulimits: {nproc: 65535, nofile: {soft: 20000, hard: 40000}}'),
  memory: service(
    'mem_limit: 1.5g\nmem_reservation: 100m\nmemswap_limit: 2gb\nmem_swappiness: 10\nshm_size: 64MB\noom_score_adj: -100\noom_kill_disable: true',
  ),
  'memory numbers': service('mem_limit: 1048576\nmemswap_limit: -1\nshm_size: "1000"'),
  processor: service(
    'cpus: 1.5\ncpu_shares: 73\ncpu_quota: 50000\ncpu_period: 25000\ncpuset: 0,1\ncpu_count: 2\ncpu_percent: 50\npids_limit: 100',
  ),
  'processor strings': service('cpus: "0.50"\ncpu_rt_period: 1000\ncpu_rt_runtime: "400"'),
  blkio: service(
    'blkio_config: {weight: 300, weight_device: [{path: /dev/sda, weight: 400}], device_read_bps: [{path: /dev/sdb, rate: 12mb}], device_write_iops: [{path: /dev/sdb, rate: 30}]}',
  ),
  devices: service(
    'devices: ["/dev/ttyUSB0:/dev/ttyUSB0", "/dev/null", "/dev/sda:/dev/xvda:rwm", "vendor1.com/device=gpu"]',
  ),
  'devices long': service('devices:\n  - {source: /dev/a, target: /dev/b, permissions: r}'),
  device_cgroup_rules: service('device_cgroup_rules: ["c 1:3 mr", "a 7:* rmw"]'),
  'gpus all': service('gpus: all'),
  'gpus list': service(
    'gpus: [{driver: nvidia, count: 2, capabilities: [gpu]}, {driver: "3", device_ids: ["0", "1"]}]',
  ),
  logging: service('logging: {driver: json-file, options: {max-size: 10m, max-file: 3}}'),
  'logging without options': service('logging: {driver: none}'),
  'restart policies': service(
    'restart: unless-stopped',
    '  b: {image: x, restart: "no"}\n  c: {image: x, restart: on-failure:5}\n  d: {image: x, restart: always}\n',
  ),
  stop: service('stop_signal: SIGUSR1\nstop_grace_period: 1m30s\ninit: true\ntty: true\nstdin_open: true'),
  durations: service(
    'stop_grace_period: 1h',
    '  b: {image: x, stop_grace_period: 500ms}\n  c: {image: x, stop_grace_period: 0s}\n  d: {image: x, stop_grace_period: 1d}\n  e: {image: x, stop_grace_period: 1.5s}\n',
  ),
  'platform and runtime': service(
    'platform: linux/amd64\nruntime: runc\nisolation: default\ncgroup: private\ncgroup_parent: m-executor-abcd',
  ),
  pull_policy: service(
    'pull_policy: always',
    '  b: {image: x, pull_policy: if_not_present}\n  c: {image: x, pull_policy: never}\n  d: {image: x, pull_policy: every_2d}\n',
  ),
  storage_opt: service('storage_opt: {size: 1G}'),
  mac_address: service('mac_address: 02:42:ac:11:65:43'),
  container_name: service('container_name: my.web_1'),
  attach: service('attach: false'),
  use_api_socket: service('use_api_socket: true'),
  scale: service('scale: 3', '  b: {image: x, scale: 0}\n'),
  'secrets short': service('secrets: [a, b]', 'secrets: {a: {file: ./a}, b: {environment: SET_IN_SHELL}}'),
  'secrets long': service(
    'secrets:\n  - {source: a, target: other, uid: "103", gid: "104", mode: 0o440}\n  - {source: b, mode: 0400}\n  - {source: b, target: /abs/path}',
    'secrets: {a: {file: ./a, labels: {x: y}}, b: {name: real, external: true}}',
  ),
  configs: service(
    'configs:\n  - a\n  - {source: b, target: /etc/b, mode: 0444}',
    'configs: {a: {content: "x $$y ${SET_IN_SHELL}"}, b: {file: ./b}}',
  ),
  credential_spec: service('credential_spec: {file: my.json}'),
  hooks: service(
    'post_start:\n  - command: ./a.sh one\n    user: root\n    privileged: true\n    working_dir: /x\n    environment: [A=1]\n  - command: [b, c]\npre_stop:\n  - {command: ./flush, environment: {B: "2"}}',
  ),
  develop: service(
    'build: .\ndevelop:\n  watch:\n    - {path: ./src, action: sync, target: /app, ignore: [node_modules/], include: ["*.ts"], initial_sync: true}\n    - {path: package.json, action: rebuild}\n    - {path: ./etc, action: sync+restart, target: /etc/x}\n    - {path: ./e2, action: sync+exec, target: /e, exec: {command: reload now, user: root}}\n    - {path: ./r, action: restart}',
  ),
  provider:
    'services:\n  db: {provider: {type: cloud, options: {size: 10, names: [a, b]}}}\n  app: {image: x, depends_on: [db]}\n',
  extensions: service('x-own: {a: [1, 2], b: c}\nx-word: text', 'x-top: {k: v}\nx-list: [1, a]\n'),
  'volumes on Windows paths': service(
    'volumes: ["C:\\\\src:/a", "C:/x:/y", "D:\\\\a b:/z:ro", {type: bind, source: "E:\\\\f", target: /g}]',
  ),
  'keys that need quotes': service(
    'labels: {"a: b": 1, "- x": 2, "*y": 3, "yes": 4, "1.5": 5, "t\\tab": 7, "#h": 8, "null": 9, "=": 10, "a b": 11}',
  ),
  'text of many lines': service(
    'environment:\n  A: |\n    one\n      two\n\n    three\n  B: "x\\n\\ny\\n"\n  C: "  led\\nby spaces"\n  D: "ends in spaces  "\n  E: "a #b: c"\n  F: "\\u00e9\\u4e2d"',
  ),
  'profiles inactive': 'services:\n  a: {image: x}\n  b: {image: y, profiles: [debug]}\n',
  'many services': 'services:\n  zeta: {image: z}\n  alpha: {image: a}\n  Beta: {image: b}\n  _u: {image: u}\n',
};
