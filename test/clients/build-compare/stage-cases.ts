import type { BuildCase } from './case.ts';

export const stageCases: readonly BuildCase[] = [
  {
    name: 'stages: copy from one by name and by number',
    dockerfile:
      'FROM busybox AS Build\nRUN echo 1 > /one && chown 5:6 /one\nFROM busybox\nCOPY --from=build /one /a\nCOPY --from=0 --chown=9 /one /b\n',
  },
  {
    name: 'stages: only what the target needs',
    dockerfile: 'FROM busybox AS a\nRUN echo a > /a\nFROM busybox AS broken\nRUN false\nFROM a AS b\nRUN echo b > /b\n',
  },
  {
    name: 'stages: --target',
    dockerfile: 'FROM busybox AS a\nENV S=a\nRUN echo a > /a\nFROM a AS b\nENV S=b\nRUN false\n',
    args: ['--target', 'a'],
  },
  {
    name: 'stages: one from another takes its environment',
    dockerfile:
      'FROM busybox AS a\nARG X=1\nENV E=$X\nWORKDIR /w\nUSER nobody\nCMD ["a"]\nFROM a\nRUN echo "$E $X" > /tmp/r\n',
  },
  {
    name: 'stages: global arguments',
    dockerfile:
      'ARG BASE=busybox\nARG V=global\nFROM $BASE AS a\nARG V\nRUN echo "$V" > /v\nFROM ${BASE}\nARG V=local\nCOPY --from=a /v /v\nRUN echo "$V" > /w\n',
    args: ['--build-arg', 'V=cli'],
  },
  {
    name: 'stages: arguments of the platform',
    dockerfile:
      'FROM --platform=$BUILDPLATFORM busybox\nARG TARGETPLATFORM\nARG TARGETOS TARGETARCH TARGETVARIANT BUILDOS\nRUN echo "$TARGETPLATFORM $TARGETOS $TARGETARCH $TARGETVARIANT $BUILDOS" > /r\n',
  },
  {
    name: 'stages: ONBUILD of a stage',
    dockerfile:
      'FROM busybox AS a\nONBUILD RUN echo fired > /f\nONBUILD COPY Dockerfile /in/\nFROM a\nRUN cat /f > /g\n',
  },
  {
    name: 'stages: ONBUILD with here-documents, arguments and a directory',
    dockerfile:
      'FROM busybox AS base\nONBUILD ARG Z=zz\nONBUILD RUN echo $Z > /z\nONBUILD COPY <<EOF /hd\nhere $Z\nEOF\nONBUILD RUN <<EOF\necho multi > /multi\nEOF\nONBUILD WORKDIR /obw\nonbuild cmd echo x\nFROM base AS mid\nFROM mid\nRUN ls / > /list\n',
  },
  {
    name: 'stages: two of one name',
    dockerfile:
      'FROM busybox AS a\nRUN echo 1 > /1\nFROM busybox AS A\nRUN echo 2 > /2\nFROM scratch\nCOPY --from=a /2 /x\n',
  },
  {
    name: 'stages: a directory from a stage, with links and owners',
    dockerfile:
      'FROM busybox AS a\nRUN mkdir -p /d/s && echo x > /d/s/f && ln -s s/f /d/l && ln /d/s/f /d/h && chown -R 3:4 /d && chmod 750 /d/s\nFROM busybox\nCOPY --from=a /d /copy\nCOPY --from=a /d/l /followed\n',
  },
  {
    name: 'stages: from scratch with what another made',
    dockerfile: 'FROM busybox AS a\nRUN mkdir /out && echo 1 > /out/x\nFROM scratch\nCOPY --from=a /out /\n',
  },
  {
    name: 'stages: from an image that is no stage',
    dockerfile: 'FROM scratch\nCOPY --from=busybox /bin/busybox /bin/sh\nCMD ["/bin/sh"]\n',
  },
  {
    name: 'stages: named contexts',
    dockerfile: 'FROM busybox\nCOPY --from=other f /f\n',
    files: { 'side/f': 'from the side' },
    args: ['--build-context', 'other=side'],
  },
  {
    name: 'stages: four that meet',
    dockerfile:
      ['a', 'b', 'c', 'd'].map((n) => `FROM busybox AS ${n}\nRUN echo ${n} > /${n}\n`).join('') +
      'FROM scratch\nCOPY --from=a /a /\nCOPY --from=b /b /\nCOPY --from=c /c /\nCOPY --from=d /d /\n',
  },
];
