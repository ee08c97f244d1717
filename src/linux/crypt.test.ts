import assert from 'node:assert/strict';
import { test } from 'node:test';
import { passwordMatches } from './crypt.ts';

// Known answers: bcrypt's own test vectors, Drepper's SHA-crypt page, and `openssl passwd`.
const CASES = [
  ['U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', true],
  ['U*V', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', false],
  [
    'Hello world!',
    '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
    true,
  ],
  ['', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy', true],
  ['x', 'plain', false],
  ['x', '', false],
] as const;

test('passwords are compared as crypt(3) does', () => {
  for (const [password, hash, expected] of CASES) assert.equal(passwordMatches(password, hash), expected, hash);
});
