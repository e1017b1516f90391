import type { FactPrediction } from '../../remote/facts/contract.ts';
import { absentFile } from '../../remote/facts/parse-files.ts';

export { absentFile };

/** That nothing is there any more, for resources that come later. */
export function predictAbsent(path: string): FactPrediction {
  return { fact: 'file', value: absentFile(path), content: null };
}
