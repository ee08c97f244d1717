import type { BuildCase } from './case.ts';

const one = (name: string, lines: string, args?: readonly string[]): BuildCase => ({
  name: `config: ${name}`,
  dockerfile: `FROM busybox\n${lines}\n`,
  ...(args === undefined ? {} : { args }),
});

export const configCases: readonly BuildCase[] = [
  one('nothing', ''),
  one('ENV with quotes and escapes', 'ENV A=1 B="two words" C=three\\ words D=\'$A\' E="$A" F=x\\"y'),
  one('ENV, the old form', 'ENV A some text  with spaces\nENV B $A and more'),
  one('ENV sees what was before it', 'ENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc'),
  one(
    'variables with defaults and alternatives',
    'ENV A=1 E=\nENV B=${A:-x} C=${E:-y} D=${E-z} F=${A:+w} G=${U:-${A}}',
  ),
  one(
    'variables cut and replaced',
    'ENV P=/a/b.tar.gz\nENV B=${P#*/} C=${P##*/} D=${P%.*} E=${P%%.*} F=${P/a/X} G=${P//a/X}',
  ),
  one(
    'variables cut with escapes in their patterns',
    "ENV S='f*o' P=a/b.c U=日本\nENV A=${S#f\\*} B=${S//\\*/-} C=${P%\\/*} D=${P//\\//-} E=${U#?} F=${P/b.c/}",
  ),
  one('words do not see proxies that no ARG declares', 'LABEL a="$HTTP_PROXY."\nARG no_proxy\nLABEL b=$no_proxy', [
    '--build-arg',
    'HTTP_PROXY=http://127.0.0.1:9',
    '--build-arg',
    'no_proxy=here',
  ]),
  one('LABEL in all forms', 'LABEL a=b "c d"="e f" g="multi\\\nline"\nLABEL old form of it\nLABEL a=later'),
  one('labels of the command line', 'LABEL a=file b=file', ['--label', 'b=cli', '--label', 'c=cli']),
  one('EXPOSE', 'EXPOSE 80 443/tcp 53/udp 8000-8002\nENV P=99\nEXPOSE $P/TCP'),
  one('VOLUME in both forms', 'VOLUME /a /b\nVOLUME ["/c d", "/a"]'),
  one('WORKDIR relative and with variables', 'ENV D=/x\nWORKDIR $D\nWORKDIR y\nWORKDIR ../z/./'),
  one('USER', 'USER nobody:nogroup\nUSER 1000'),
  one('CMD, shell form', 'CMD echo "$HOME" && true'),
  one('CMD, exec form', 'CMD ["echo", "a b", "\\u00e9"]'),
  one('CMD that is no JSON', "CMD ['echo', 'x']"),
  one('CMD emptied', 'CMD []'),
  one('ENTRYPOINT takes the CMD of the base away', 'ENTRYPOINT ["/bin/e"]'),
  one('ENTRYPOINT keeps a CMD of its own stage', 'CMD ["a"]\nENTRYPOINT exec top -b'),
  one('SHELL', 'SHELL ["/bin/sh", "-xc"]\nRUN true\nCMD echo x\nENTRYPOINT echo y'),
  one('STOPSIGNAL by name, number and variable', 'STOPSIGNAL 9\nENV S=SIGQUIT\nSTOPSIGNAL $S'),
  one(
    'HEALTHCHECK',
    'HEALTHCHECK --interval=5m --timeout=3s --start-period=1m30s --retries=4 CMD wget -q localhost || exit 1',
  ),
  one('HEALTHCHECK, exec form', 'HEALTHCHECK CMD ["true"]'),
  one('HEALTHCHECK NONE', 'HEALTHCHECK CMD true\nHEALTHCHECK NONE'),
  one('MAINTAINER', 'MAINTAINER Some One <one@example.org>'),
  one('ONBUILD is kept', 'ONBUILD RUN echo x\nONBUILD COPY . /app\nONBUILD ENV A=1'),
  one('ARG in history', 'ARG A=1\nARG B\nARG C=3 D\nRUN echo $A$B > /r', ['--build-arg', 'B=two']),
  one('ARG loses to ENV', 'ARG A=arg\nENV A=env\nRUN echo $A > /r\nENV R=$A', ['--build-arg', 'A=cli']),
  one('instructions in any case', 'env A=1\nLaBeL x=y\ncmd ["x"]'),
  one('comments and lines that go on', '# one\nENV A=1 \\\n# two\n  B=2 \\\n\n  C=3\n  # three\nLABEL x=#y'),
  {
    name: 'config: another escape',
    dockerfile: '# escape=`\nFROM busybox\nENV A=C:\\dir B=x`\n C=y\nRUN echo a `\n b > /r\n',
  },
  {
    name: 'config: from scratch',
    dockerfile: 'FROM scratch\nCOPY a /\nENV X=1\nCMD ["/a"]\n',
    files: { a: { text: '1', mode: 0o755 } },
  },
];
