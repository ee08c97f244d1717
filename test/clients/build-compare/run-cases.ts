import type { BuildCase } from './case.ts';

export const runCases: readonly BuildCase[] = [
  {
    name: 'run: makes, changes and removes files',
    dockerfile:
      'FROM busybox\nRUN echo a > /a && mkdir -p /d/e && touch /d/e/f\nRUN rm -r /d && chmod 600 /a && rm /bin/ash\n',
  },
  {
    name: 'run: a directory emptied and made anew',
    dockerfile: 'FROM busybox\nRUN mkdir /d && touch /d/1 /d/2\nRUN rm -r /d && mkdir /d && touch /d/3\n',
  },
  {
    name: 'run: a directory becomes a file and back',
    dockerfile: 'FROM busybox\nRUN mkdir /d && touch /d/1 /f\nRUN rm -r /d /f && touch /d && mkdir /f\n',
  },
  {
    name: 'run: owners, modes, links, fifos',
    dockerfile:
      'FROM busybox\nRUN touch /o && chown 12:34 /o && chmod 6711 /o && ln /o /hard && ln -s o /soft && mkfifo /fifo && mkdir -m 1777 /t\n',
  },
  {
    name: 'run: exec form',
    dockerfile: 'FROM busybox\nRUN ["touch", "/a b"]\nRUN ["/bin/sh", "-c", "echo $0 > /r", "x"]\n',
  },
  {
    name: 'run: its environment',
    dockerfile:
      'FROM busybox\nARG A=1\nENV B=2\nUSER nobody\nWORKDIR /tmp\nRUN echo "$A $B $HOME $PWD $PATH $USER" > r && id >> r\n',
  },
  {
    name: 'run: a heredoc is the script',
    dockerfile: 'FROM busybox\nRUN <<EOF\necho one > /1\nset -e\nX=2\necho $X > /2\nEOF\n',
  },
  {
    name: 'run: a heredoc with an interpreter of its own',
    dockerfile: 'FROM busybox\nRUN <<EOF\n#!/bin/busybox sh\necho "$0" | wc -c > /1\nEOF\n',
  },
  {
    name: 'run: a heredoc as input',
    dockerfile: "FROM busybox\nRUN cat <<'A' <<B > /r\nnot this\nA\nthis\nB\nRUN cat > /q <<-X\n\tno tab\n\tX\n",
  },
  {
    name: 'run: mounts leave no trace',
    dockerfile:
      'FROM busybox\nRUN --mount=type=cache,target=/cache/x --mount=type=tmpfs,target=/scratch --mount=type=bind,target=/src,source=in cat /src/f > /r; touch /cache/x/1 /scratch/2\n',
    files: { 'in/f': 'bound' },
  },
  {
    name: 'run: a mount from another stage',
    dockerfile:
      'FROM busybox AS a\nRUN echo one > /o\nFROM busybox\nRUN --mount=from=a,source=/o,target=/mnt/o cp /mnt/o /copied\n',
  },
  {
    name: 'run: a secret leaves no trace',
    dockerfile:
      'FROM busybox\nRUN --mount=type=secret,id=s cat /run/secrets/s > /r\nRUN --mount=type=secret,id=s,target=/deep/down/s,mode=0444 ls -ln /deep/down/s | cut -c1-10 > /q\n',
    files: { secret: 'hush' },
    args: ['--secret', 'id=s,src=secret'],
  },
  {
    name: 'run: /etc/hosts and resolv.conf are not kept',
    dockerfile: 'FROM busybox\nRUN cat /etc/hosts /etc/resolv.conf > /dev/null\n',
  },
  { name: 'run: without a network', dockerfile: 'FROM busybox\nRUN --network=none ls /sys/class/net > /r\n' },
  {
    name: 'run: what is in a volume',
    dockerfile: 'FROM busybox\nRUN mkdir /v && touch /v/before\nVOLUME /v\nRUN touch /v/after\n',
  },
  { name: 'run: nothing changes', dockerfile: 'FROM busybox\nRUN true\nRUN true\n' },
  {
    name: 'run: device nodes and sockets',
    dockerfile: 'FROM busybox\nRUN ls /dev | grep -E "^(null|zero|tty|full|random)$" > /r\n',
  },
  {
    name: 'run: mounts whose options are variables, and sizes with units',
    dockerfile:
      'FROM busybox\nARG T=/t Y=tmpfs S=1m\nRUN --mount=type=$Y,target=$T,size=${S} df -k $T | tail -1 | tr -s " " | cut -d" " -f2 > /size\nWORKDIR /w\nRUN --mount=source=Dockerfile,target=here/Dockerfile cp here/Dockerfile /copied\n',
  },
  {
    name: 'run: scripts in here-documents',
    dockerfile:
      'FROM busybox\nARG v=val\nRUN <<EOF\necho $v \\$v > /a\nEOF\nRUN <<-EOF\n\tif true; then\n\t\techo tabs > /b\n\tfi\n\tEOF\nRUN cat <<A <<B > /c\na $v\nA\nb\nB\nRUN <<EOF\n#!/bin/sh -e\necho $0 > /d\nEOF\nRUN 3<<EOF cat <&3 > /e\nfd\nEOF\n',
  },
  {
    name: 'run: what is called where it runs',
    dockerfile: 'FROM busybox\nRUN hostname > /name; env | grep -c HOSTNAME > /variables; test -e /etc/passwd\n',
  },
  {
    name: 'run: only the times of directories change',
    dockerfile: `FROM busybox
RUN mkdir /set /used && touch -d '2020-01-01 00:00:00' /set /used
RUN touch -d '2021-01-01 00:00:00' /set && touch /used/x && rm /used/x
`,
  },
];
