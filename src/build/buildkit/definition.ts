import { sha256 } from '../../core/digest.ts';
import { CODE, RpcError } from './grpc/status.ts';
import { type Definition, Op } from './wire/messages.ts';

const IMAGE = 'docker-image://';

/**
 * A result as a graph of BuildKit's, for clients that make it the input of another build (`contexts` of a bake file): a source
 * that is our image, and the output that stands on it.
 */
export function definitionOfImage(image: string): Definition {
  const source = Op.encode({ source: { identifier: `${IMAGE}${image}`, attrs: {} } });
  const digest = sha256(source);
  const output = Op.encode({ inputs: [{ digest, index: 0 }] });
  return { def: [source, output], metadata: { [digest]: {}, [sha256(output)]: {} } };
}

/** The image that a graph is made of. @throws {RpcError} at any other graph: they are not built here */
export function imageOfDefinition({ def }: Definition): string {
  const ops = def.map((bytes) => Op.decode(bytes));
  const [source, ...more] = ops.flatMap((op) => (op.source === undefined ? [] : [op.source.identifier]));
  const image = source?.startsWith(`${IMAGE}sha256:`) === true ? source.slice(IMAGE.length) : undefined;
  const isPlain = ops.every((op) => op.source !== undefined || op.inputs.length === 1) && ops.length <= 2;
  if (image === undefined || more.length > 0 || !isPlain) refuseDefinition();
  return image;
}

export function refuseDefinition(): never {
  throw new RpcError(
    CODE.unimplemented,
    'low-level build definitions are not supported: only Dockerfiles are built here',
  );
}
