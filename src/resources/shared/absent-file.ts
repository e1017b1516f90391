import type { FactPrediction, FileFact } from '../../remote/facts/contract.ts';

/** What a path is once nothing is there. */
export function absentFile(path: string): FileFact {
  return {
    path,
    kind: 'absent',
    mode: '',
    owner: '',
    group: '',
    uid: -1,
    gid: -1,
    size: 0,
    modified: 0,
    links: 0,
    sha256: null,
    target: null,
  };
}

/** That nothing is there any more, for resources that come later. */
export function predictAbsent(path: string): FactPrediction {
  return { fact: 'file', value: absentFile(path), content: null };
}
