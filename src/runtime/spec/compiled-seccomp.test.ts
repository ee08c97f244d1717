import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileSeccomp } from '../../linux/index.ts';
import { defaultSeccomp } from './seccomp.ts';

/** What the kernel gives a program to look at: `struct seccomp_data`. */
interface Call {
  readonly number: number;
  readonly architecture: number;
  readonly args: readonly bigint[];
}

const X86_64 = 0xc000003e;
const I386 = 0x40000003;
const AARCH64 = 0xc00000b7;
const ARM = 0x40000028;
const X32_BIT = 0x40000000;
/** Calls are numbered below this, but for those of ARM itself. */
const NUMBERS = 1024;

const filter = defaultSeccomp(['CAP_CHOWN', 'CAP_SYS_CHROOT']);
const tree = compileSeccomp(filter);
const line = compileSeccomp(filter, { tree: false });

test('a tree decides each call as the line of all rules does', { skip: tree === undefined }, () => {
  assert.ok(tree !== undefined && line !== undefined);
  assert.ok(!tree.equals(line), 'the library makes a tree');
  const values = [0n, 1n, 8n, 0x7e020000n, 0x10000000n, 0xffffffffn, 0x20008n, 40n, 2n ** 32n + 16n];
  const numbers = Array.from({ length: NUMBERS }, (_, n) => [n, n + X32_BIT]).flat();
  for (const architecture of [X86_64, I386, AARCH64, ARM])
    for (const number of [...numbers, 0xf0001, 0xf0005, 0xffffffff])
      for (const value of values) {
        const call = { number, architecture, args: [value, value, 0n, 0n, 0n, 0n] };
        assert.equal(
          decide(tree, call),
          decide(line, call),
          JSON.stringify({ number, architecture, value: `${value}` }),
        );
      }
});

test('a call that the kernel asks about goes through few instructions', { skip: tree === undefined }, () => {
  assert.ok(tree !== undefined);
  for (let number = 0; number < NUMBERS; number++) {
    let steps = 0;
    decide(tree, { number, architecture: X86_64, args: [0n, 0n, 0n, 0n, 0n, 0n] }, () => steps++);
    assert.ok(steps < 100, `call ${number} takes ${steps} instructions`);
  }
});

/** Runs a program as the kernel does. @see linux/filter.h */
function decide(program: Buffer, { number, architecture, args }: Call, onStep: () => void = () => undefined): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number, 0);
  data.writeUInt32LE(architecture, 4);
  for (const [i, arg] of args.entries()) data.writeBigUInt64LE(arg, 16 + i * 8);
  let accumulator = 0;
  for (let at = 0; ; at++) {
    onStep();
    const code = program.readUInt16LE(at * 8);
    const [ifTrue, ifFalse] = [program.readUInt8(at * 8 + 2), program.readUInt8(at * 8 + 3)];
    const k = program.readUInt32LE(at * 8 + 4);
    const jump = (holds: boolean): void => {
      at += holds ? ifTrue : ifFalse;
    };
    if (code === 0x20) accumulator = data.readUInt32LE(k);
    else if (code === 0x05) at += k;
    else if (code === 0x06) return k;
    else if (code === 0x54) accumulator = (accumulator & k) >>> 0;
    else if (code === 0x15) jump(accumulator === k);
    else if (code === 0x25) jump(accumulator > k);
    else if (code === 0x35) jump(accumulator >= k);
    else if (code === 0x45) jump((accumulator & k) !== 0);
    else assert.fail(`an instruction that filters do not have: ${code.toString(16)}`);
  }
}
