import { randomInt } from 'node:crypto';
import { invalidContainerName } from '../errors.ts';

const NAME = /^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** The name without a leading slash. @throws {WharfError} `INVALID_CONTAINER_NAME` */
export function checkName(name: string): string {
  if (!NAME.test(name)) throw invalidContainerName({ name });
  return name.replace(/^\//, '');
}

/** A free name like `brave_hopper`; after a few tries with a digit, at last `fallback`. */
export function randomName(isTaken: (name: string) => boolean, fallback: string): string {
  for (let attempt = 0; attempt < 6; attempt++) {
    const name = `${pick(ADJECTIVES)}_${pick(SURNAMES)}${attempt === 0 ? '' : randomInt(10)}`;
    if (!isTaken(name)) return name;
  }
  return fallback;
}

function pick(words: readonly string[]): string {
  return words[randomInt(words.length)] ?? 'plain';
}

const ADJECTIVES =
  'able agile airy amber ample apt awake balmy bold brave breezy bright brisk broad calm candid careful cheery clear clever coastal cosy crisp curious daring dapper deft eager early earnest easy even fair fine firm fleet fond frank free fresh gentle genial glad golden good grand happy hardy hearty honest humble ideal jolly jovial keen kind lively loyal lucid lucky mellow merry mild modest neat nimble noble open patient placid plucky polite proud quick quiet rapid ready robust serene sharp shiny simple smart solid sound spry steady stout sunny sure swift tidy trim true upbeat vivid warm wise witty zesty'.split(
    ' ',
  );
const SURNAMES =
  'abel ada ampere archimedes babbage banach bassi bell bernoulli bohr boole born bose brahe cannon cantor carson cauchy cayley celsius chandra cori curie dalton darwin descartes dijkstra dirac easley edison elion erdos euclid euler faraday fermat fermi feynman fibonacci florey fourier franklin galileo galois gauss germain gibbs goodall goedel hahn halley hamilton hawking heisenberg hertz hilbert hodgkin hooke hopper hubble huygens hypatia jacobi johnson joule kepler kirchhoff klein knuth kolmogorov lamarr laplace leavitt leibniz linnaeus lovelace maxwell mayer mccarthy meitner mendel mendeleev mirzakhani moore morse napier nash newton nightingale noether ohm pascal pasteur payne perlman planck poincare ptolemy ramanujan raman rhodes riemann ritchie rubin sagan schrodinger shannon sinoussi somerville stokes tesla thompson torvalds turing vaughan volta wiles wilson wing wozniak wright wu yalow yonath'.split(
    ' ',
  );
