import type { Target } from '../target.ts';
import { target as compose } from './compose.ts';
import { target as dns } from './dns.ts';
import { target as dockerfile } from './dockerfile.ts';
import { target as dockerignore } from './dockerignore.ts';
import { target as dotenv } from './dotenv.ts';
import { target as imageDocuments } from './image-documents.ts';
import { target as jsonLog } from './json-log.ts';
import { target as reference } from './reference.ts';
import { target as stdioFrames } from './stdio-frames.ts';
import { target as tar } from './tar.ts';
import { target as template } from './template.ts';

/** By name, which is that of the file here and of the corpus. */
export const TARGETS: Readonly<Record<string, Target>> = {
  dockerfile,
  compose,
  dotenv,
  dockerignore,
  reference,
  template,
  tar,
  'stdio-frames': stdioFrames,
  dns,
  'json-log': jsonLog,
  'image-documents': imageDocuments,
};
