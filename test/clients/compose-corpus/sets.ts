import type { Cases } from './case.ts';

const over = (base: string, override: string): { readonly files: Record<string, string> } => ({
  files: {
    'compose.yaml': `services:\n  a:\n    image: x\n${base.replace(/^(?=.)/gm, '    ')}\n`,
    'compose.override.yaml': `services:\n  a:\n${override.replace(/^(?=.)/gm, '    ')}\n`,
  },
});

/** How files are merged, extended, included; variables; builds; deployment; networks, volumes and the like. */
export const SET_CASES: Cases = {
  'merge image': over('', 'image: y'),
  'merge command': over('command: [a, b]\nentrypoint: [e]', 'command: c\nentrypoint: [f, g]'),
  'merge environment list over map': over('environment: {A: 1, B: 2}', 'environment: [B=3, C=4]'),
  'merge environment map over list': over('environment: [A=1, B]', 'environment: {B: 3, C: }'),
  'merge ports': over('ports: ["80:80", "81:81"]', 'ports: ["80:80", "82:80"]'),
  'merge ports long over short': over('ports: ["80:80"]', 'ports: [{target: 80, published: "80", mode: host}]'),
  'merge volumes': over('volumes: ["./a:/x", "./b:/y"]', 'volumes: ["./c:/x", {type: tmpfs, target: /y}]'),
  'merge labels': over('labels: {a: 1}', 'labels: [a=2, b=3]'),
  'merge healthcheck': over('healthcheck: {test: a, interval: 1s}', 'healthcheck: {test: [CMD, b], retries: 3}'),
  'merge logging same driver': over(
    'logging: {driver: d, options: {a: 1, b: 2}}',
    'logging: {driver: d, options: {b: 3}}',
  ),
  'merge logging other driver': over('logging: {driver: d, options: {a: 1}}', 'logging: {driver: e, options: {b: 3}}'),
  'merge logging no driver': over('logging: {driver: d, options: {a: 1}}', 'logging: {options: {b: 3}}'),
  'merge build string over map': over('build: {context: ./a, args: {A: 1}}', 'build: ./b'),
  'merge build map over string': over('build: ./a', 'build: {dockerfile: D, args: [B=2]}'),
  'merge ulimits': over(
    'ulimits: {nofile: 1, nproc: {soft: 1, hard: 2}}',
    'ulimits: {nofile: {soft: 3, hard: 4}, nproc: 5}',
  ),
  'merge dns': over('dns: 1.1.1.1\ntmpfs: /a', 'dns: [1.1.1.1, 2.2.2.2]\ntmpfs: [/b, /a]'),
  'merge caps': over('cap_add: [A, B]\nexpose: [80]', 'cap_add: [B, C]\nexpose: ["80", 81]'),
  'merge devices': over('devices: ["/dev/a:/dev/x"]', 'devices: ["/dev/b:/dev/x", "/dev/c"]'),
  'merge extra_hosts': over('extra_hosts: ["a:1.1.1.1"]', 'extra_hosts: {a: 2.2.2.2, b: 3.3.3.3}'),
  'merge env_file': {
    files: { ...over('env_file: a.env', 'env_file: [b.env]').files, 'a.env': 'A=1\nB=1\n', 'b.env': 'B=2\nC=$A\n' },
  },
  'merge depends_on': {
    files: {
      'compose.yaml':
        'services:\n  a: {image: x, depends_on: {b: {condition: service_healthy}}}\n  b: {image: x}\n  c: {image: x}\n',
      'compose.override.yaml': 'services:\n  a: {depends_on: [b, c]}\n',
    },
  },
  'merge networks': {
    files: {
      'compose.yaml':
        'services:\n  a: {image: x, networks: [n]}\nnetworks: {n: {driver: bridge, labels: [a=1], ipam: {config: [{subnet: 10.1.0.0/16}]}}}\n',
      'compose.override.yaml':
        'services:\n  a: {networks: {n: {aliases: [q]}, m: }}\nnetworks: {m: , n: {labels: {b: 2}, ipam: {config: [{subnet: 10.1.0.0/16, gateway: 10.1.0.9}, {subnet: 10.2.0.0/16}]}}}\n',
    },
  },
  'merge null keeps': over('environment: {A: 1}\nports: ["80"]', 'environment:\nports:'),
  'merge secrets': {
    files: {
      'compose.yaml': 'services:\n  a: {image: x, secrets: [s, t]}\nsecrets: {s: {file: s}, t: {file: t}}\n',
      'compose.override.yaml':
        'services:\n  a: {secrets: [{source: t, target: /run/secrets/s}]}\nsecrets: {s: {file: other}}\n',
    },
  },
  reset: over(
    'ports: ["80:80"]\nenvironment: {A: 1, B: 2}\ncommand: x',
    'ports: !reset []\nenvironment: {A: !reset null}\ncommand: !reset null',
  ),
  override: over(
    'ports: ["80:80"]\nenvironment: {A: 1}\nvolumes: [./a:/a]',
    'ports: !override ["81:80"]\nenvironment: !override {B: 2}\nvolumes: !override []',
  ),
  'reset a service': {
    files: {
      'compose.yaml': 'services:\n  a: {image: x}\n  b: {image: y}\n',
      'compose.override.yaml': 'services:\n  b: !reset null\n',
    },
  },
  'three files by -f': {
    files: {
      'a.yml': 'services: {a: {image: x, environment: [A=1]}}\n',
      'sub/b.yml': 'services: {a: {volumes: [./rel:/r]}}\n',
      'c.yml': 'name: third\nservices: {a: {environment: [A=3]}}\n',
    },
    args: ['-f', 'a.yml', '-f', 'sub/b.yml', '-f', 'c.yml'],
  },
  'first file in a folder': {
    files: { 'sub/b.yml': 'services: {a: {image: x, volumes: ["./rel:/r", "../up:/u"]}}\n' },
    args: ['-f', 'sub/b.yml'],
  },
  'standard input': { files: { x: '' }, stdin: 'services: {a: {image: x, build: ./b}}\n', args: ['-f', '-'] },
  'project directory': {
    files: { 'sub/compose.yaml': 'services: {a: {image: x, volumes: [./v:/v]}}\n' },
    args: ['--project-directory', 'sub'],
  },
  'found in a parent folder': {
    files: { 'compose.yml': 'services: {a: {image: x}}\n', 'deep/er/x': '' },
    cwd: 'deep/er',
  },
  'several documents': 'services: {a: {image: x, ports: ["80"]}}\n---\nservices: {a: {ports: ["81"]}, b: {image: y}}\n',
  'version is told and left out': 'version: "3.8"\nservices: {a: {image: x}}\n',
  'docker-compose.yml': {
    files: { 'docker-compose.yml': 'version: "2"\nservices: {a: {image: x, mem_limit: 10m}}\n' },
  },
  anchors:
    'x-c: &c\n  image: x\n  environment: &e {A: 1, B: 2}\nservices:\n  a: {<<: *c}\n  b:\n    <<: *c\n    environment: {<<: *e, B: 3}\n  c:\n    <<: [*c, {image: z, tty: true}]\n',
  'name in the file': 'name: My.Proj-x\nservices: {a: {image: x}}\n',
  'name by -p': { files: { 'compose.yaml': 'name: no\nservices: {a: {image: x}}\n' }, args: ['-p', 'yes'] },
  'name interpolated': {
    files: { 'compose.yaml': 'name: p-${SET_IN_SHELL}\nservices: {a: {image: "x:${COMPOSE_PROJECT_NAME}"}}\n' },
  },
  variables: {
    files: {
      '.env': 'TAG=v1\nEMPTY=\nQ="a b"\nS=\'$raw\'\n',
      'compose.yaml':
        'services:\n  a:\n    image: "x:${TAG}"\n    environment:\n      A: ${EMPTY:-d}\n      B: ${EMPTY-d}\n      C: ${NOPE:-${TAG:-z}}\n      D: ${TAG:+set}\n      E: ${NOPE:+set}\n      F: $TAG-$$TAG\n      G: ${EMPTY+set}\n      H: "$Q ${S}"\n      I: ${NOPE-}\n      J: ${TAG:?must}\n      K: ${NOPE:-a:b}\n      L: "${NOPE:-{}}"\n      M: $\n      N: a$1\n',
    },
  },
  'variables in numbers': {
    files: {
      '.env': 'N=3\nB=true\nP=8080\n',
      'compose.yaml':
        'services:\n  a: {image: x, scale: "${N}", tty: "${B}", ports: ["${P}:80"], deploy: {resources: {limits: {cpus: "${N}", memory: "${N}m"}}}, healthcheck: {retries: "${N}"}}\n',
    },
  },
  'env file by flag': {
    files: {
      '.env': 'A=1\n',
      e1: 'A=2\nB=2\n',
      e2: 'B=3\n',
      'compose.yaml': 'services: {a: {image: "x:${A}-${B}"}}\n',
    },
    args: ['--env-file', 'e1', '--env-file', 'e2'],
  },
  'shell beats .env': {
    files: { '.env': 'SET_IN_SHELL=no\n', 'compose.yaml': 'services: {a: {image: "x:${SET_IN_SHELL}"}}\n' },
  },
  'env_file forms': {
    files: {
      'a.env':
        '# c\nA=1\nexport B=2\nC="x\\ny"\nD=\'lit $A\'\nE=$A-${B}\nF=v # comment\nG = spaced\nH: colon\nSET_IN_SHELL\nI="multi\nline"\nJ=a#b\nK=\n',
      'raw.env': 'R="quoted"\nS=$A\n',
      'compose.yaml':
        'services:\n  a:\n    image: x\n    env_file:\n      - a.env\n      - {path: raw.env, format: raw}\n      - {path: none.env, required: false}\n    environment: {A: over}\n',
    },
  },
  label_file: {
    files: { l: 'a=1\nb=2\n', 'compose.yaml': 'services: {a: {image: x, label_file: l, labels: {b: 3}}}\n' },
  },
  'profiles active': {
    files: {
      'compose.yaml': 'services:\n  a: {image: x}\n  b: {image: y, profiles: [p, q]}\n  c: {image: y, profiles: [r]}\n',
    },
    args: ['--profile', 'p'],
  },
  'profiles all': {
    files: { 'compose.yaml': 'services:\n  a: {image: x}\n  b: {image: y, profiles: [p, q]}\n' },
    args: ['--profile', '*'],
  },
  'profiles by variable': {
    files: { 'compose.yaml': 'services:\n  a: {image: x}\n  b: {image: y, profiles: [p]}\n' },
    env: { COMPOSE_PROFILES: 'z,p' },
  },
  'extends same file':
    'services:\n  base: {image: x, environment: {A: 1, B: 2}, ports: ["80"], command: [c]}\n  a: {extends: base, environment: {B: 3}, ports: ["81"]}\n  b: {extends: {service: a}, image: z}\n',
  'extends other file': {
    files: {
      'compose.yaml': 'services:\n  a: {extends: {file: sub/base.yml, service: w}, environment: {B: 3}}\n',
      'sub/base.yml':
        'services:\n  w: {image: "x:${SET_IN_SHELL}", build: {context: ./ctx}, volumes: ["./rel:/r"], env_file: [e.env]}\n',
      'sub/e.env': 'A=1\n',
    },
  },
  'extends with reset':
    'services:\n  base: {image: x, ports: ["80:80"], environment: {A: 1}}\n  a: {extends: base, ports: !reset [], environment: !override {B: 1}}\n',
  include: {
    files: {
      'compose.yaml': 'include: [sub/compose.yaml]\nservices:\n  a: {image: x, depends_on: [b]}\n',
      'sub/compose.yaml':
        'name: other\nservices:\n  b: {image: "y:${INSUB:-none}", volumes: ["./v:/v", "data:/d"]}\nvolumes: {data: }\n',
      'sub/.env': 'INSUB=1\n',
    },
  },
  'include long': {
    files: {
      'compose.yaml':
        'include:\n  - path: [sub/a.yaml, sub/b.yaml]\n    project_directory: .\n    env_file: my.env\nservices: {z: {image: x}}\n',
      'sub/a.yaml': 'services: {b: {image: "y:${V}", volumes: ["./v:/v"]}}\n',
      'sub/b.yaml': 'services: {b: {environment: [A=1]}}\n',
      'my.env': 'V=9\n',
    },
  },
  'build string': 'services: {a: {build: ./dir}}\n',
  'build whole':
    'services:\n  a:\n    image: x:1\n    build:\n      context: .\n      dockerfile: sub/Dockerfile\n      args: {A: 1, B: , SET_IN_SHELL: }\n      labels: [l=1]\n      target: t\n      cache_from: [a:1, "type=local,src=p"]\n      cache_to: [user/app:cache]\n      network: host\n      shm_size: 128m\n      extra_hosts: ["h:1.2.3.4"]\n      tags: [y:1, y:2]\n      platforms: [linux/amd64]\n      no_cache: true\n      pull: true\n      privileged: true\n      isolation: default\n      ulimits: {nofile: 5}\n      secrets: [s, {source: t, target: tt}]\n      ssh: [default]\n      additional_contexts: {r: ./other, i: "docker-image://b"}\n      entitlements: [network.host]\n      provenance: true\n      sbom: "false"\nsecrets: {s: {file: ./s}, t: {environment: T}}\n',
  'build inline': 'services:\n  a:\n    build:\n      dockerfile_inline: |\n        FROM x\n        RUN echo $$HOME\n',
  'build remote':
    'services: {a: {build: "https://example.com/r.git#main:sub"}, b: {build: {context: "git@host:r.git"}}}\n',
  'build args list': 'services: {a: {build: {context: ., args: [A=1, SET_IN_SHELL, NOPE]}}}\n',
  'build additional contexts list':
    'services: {a: {build: {context: ., additional_contexts: ["b=./b", "s=service:c"]}}, c: {build: ./c}}\n',
  'deploy whole':
    'services:\n  a:\n    image: x\n    deploy:\n      mode: replicated\n      replicas: 2\n      endpoint_mode: vip\n      labels: {a: b}\n      update_config: {parallelism: 2, delay: 10s, failure_action: rollback, monitor: 60s, max_failure_ratio: 0.3, order: start-first}\n      rollback_config: {parallelism: 1}\n      resources: {limits: {cpus: "0.50", memory: 50M, pids: 10}, reservations: {cpus: "0.25", memory: 20M, devices: [{capabilities: [gpu], count: 1}], generic_resources: [{discrete_resource_spec: {kind: g, value: 2}}]}}\n      restart_policy: {condition: on-failure, delay: 5s, max_attempts: 3, window: 120s}\n      placement: {constraints: [node.role == manager], preferences: [{spread: node.labels.zone}], max_replicas_per_node: 1}\n',
  'deploy replicas only': 'services: {a: {image: x, deploy: {replicas: 6}}}\n',
  'deploy memory only': 'services: {a: {image: x, deploy: {resources: {limits: {memory: 1.5G}}}}}\n',
  'deploy devices':
    'services: {a: {image: x, deploy: {resources: {reservations: {devices: [{driver: nvidia, count: all, capabilities: [gpu]}]}}}}}\n',
  'networks whole':
    'services: {a: {image: x, networks: [n, e, i]}}\nnetworks:\n  n: {name: real, driver: bridge, driver_opts: {com.docker.network.bridge.name: br9, mtu: 1400}, attachable: true, enable_ipv6: true, enable_ipv4: false, labels: {a: b}, ipam: {driver: default, options: {x: y}, config: [{subnet: 172.28.0.0/16, ip_range: 172.28.5.0/24, gateway: 172.28.5.254, aux_addresses: {h1: 172.28.1.5}}]}}\n  e: {external: true}\n  i: {internal: true, name: "x-${SET_IN_SHELL}"}\n  unused: {}\n',
  'network default external': 'services: {a: {image: x}}\nnetworks: {default: {external: true, name: there}}\n',
  'network old external': 'services: {a: {image: x, networks: [n]}}\nnetworks: {n: {external: {name: there}}}\n',
  'volumes whole':
    'services: {a: {image: x, volumes: ["vv:/v", "ee:/e", "nn:/n", "ll:/l"]}}\nvolumes:\n  vv: {driver: local, driver_opts: {type: nfs, o: "addr=1.2.3.4,rw", device: ":/d"}, labels: [a=b]}\n  ee: {external: true}\n  nn: {name: real-name}\n  ll: {driver_opts: {type: none, o: bind, device: ./rel}}\n  unused:\n',
  'all resources': {
    files: {
      'compose.yaml':
        'services: {a: {image: x}}\nnetworks: {n: }\nvolumes: {v: }\nsecrets: {s: {file: ./s}}\nconfigs: {c: {content: x}}\n',
    },
    args: ['--all-resources'],
  },
  'configs and secrets whole':
    'services: {a: {image: x, configs: [c, d, e], secrets: [s, t]}}\nconfigs: {c: {content: "multi\\nline $$x"}, d: {environment: SET_IN_SHELL}, e: {external: true, name: real}}\nsecrets: {s: {environment: SET_IN_SHELL}, t: {file: /abs/t, name: tt}}\n',
  models:
    'services:\n  a: {image: x, models: [llm]}\n  b: {image: x, models: {llm: {endpoint_var: E, model_var: M}}}\nmodels: {llm: {model: ai/smol, context_size: 1024, runtime_flags: ["--a"]}}\n',
  'old file':
    "version: '2.1'\nservices:\n  web:\n    build: ./web\n    links: [db:database]\n    volumes_from: [data]\n    mem_limit: 128m\n    cpu_shares: 50\n    ports: ['5000:5000']\n    depends_on: {db: {condition: service_healthy}}\n  db: {image: mysql, environment: [MYSQL_ROOT_PASSWORD=x], healthcheck: {test: 'mysqladmin ping'}}\n  data: {image: busybox, volumes: [/data]}\n",
  wordpress:
    'version: \'3.3\'\nservices:\n  db:\n    image: mysql:5.7\n    volumes:\n      - db_data:/var/lib/mysql\n    restart: always\n    environment:\n      MYSQL_ROOT_PASSWORD: somewordpress\n  wordpress:\n    depends_on:\n      - db\n    image: wordpress:latest\n    ports:\n      - "8000:80"\n    restart: always\n    environment:\n      WORDPRESS_DB_HOST: db:3306\nvolumes:\n    db_data: {}\n',
  'services chosen': {
    files: { 'compose.yaml': 'services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x}\n  c: {image: x}\n' },
    args: ['config-services', 'a'],
  },
  quoting:
    'services:\n  a:\n    image: x\n    environment: {A: "y", B: "1.0", C: " lead", D: "tab\\there", E: "new\\nline", F: "#h", G: "a: b", H: "", I: "null", J: "0x1", K: "2020-01-01", L: "é✓", M: "*x", N: "a\\\\b", O: "\'q\'", P: "- x"}\n',
  'byte order mark and CRLF': '\uFEFFservices:\r\n  a:\r\n    image: x\r\n',
};
