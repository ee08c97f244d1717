/** What a lack of open files is a lack of: descriptors of this process, or open files of the whole machine. */
export type OpenFilesLack = 'process' | 'machine';

/** Whether a failure is one of open files, which others soon close again, by what it says: causes are often only quoted. */
export function lackOfOpenFiles(message: string): OpenFilesLack | undefined {
  if (/\bENFILE\b|too many open files in system/i.test(message)) return 'machine';
  return /\bEMFILE\b|too many open files/i.test(message) ? 'process' : undefined;
}
