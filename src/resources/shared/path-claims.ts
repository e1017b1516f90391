import type { PathClaim } from '../contract.ts';

/** The claim of a resource that is its path: something is there, or with the state `absent` nothing. */
export function claimOwnPath({
  path,
  state,
}: {
  readonly path: string;
  readonly state?: string;
}): readonly PathClaim[] {
  return [{ path, wants: state === 'absent' ? 'nothing' : 'something' }];
}

/** The claim of a resource that only changes what is there, and leaves nothing behind that needs the path. */
export function claimUnlessAbsent(props: { readonly path: string; readonly state: string }): readonly PathClaim[] {
  return props.state === 'absent' ? [] : claimOwnPath(props);
}
