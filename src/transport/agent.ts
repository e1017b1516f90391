import ssh2, { type BaseAgent, type ParsedKey, type SignCallback, type SigningRequestOptions } from 'ssh2';

/** The keys that an agent holds and ssh2 can use; undefined when no agent answers. */
export function agentKeys(socket: string): Promise<readonly ParsedKey[] | undefined> {
  return new Promise((resolve) => {
    new ssh2.OpenSSHAgent(socket).getIdentities((error, keys) => {
      resolve(error ? undefined : (keys as ParsedKey[]));
    });
  });
}

/** Offers one key of an agent: which keys are tried, and in which order, is for us to say and to report. */
export function singleKeyAgent(socket: string, key: ParsedKey, onRefused: (reason: string) => void): BaseAgent {
  const agent = new ssh2.OpenSSHAgent(socket);
  class SingleKeyAgent extends ssh2.BaseAgent<ParsedKey> {
    getIdentities(callback: (error?: Error, keys?: ParsedKey[]) => void): void {
      callback(undefined, [key]);
    }
    sign(publicKey: ParsedKey, data: Buffer, options: SigningRequestOptions | SignCallback, then?: SignCallback): void {
      const callback = typeof options === 'function' ? options : then;
      agent.sign(publicKey, data, typeof options === 'function' ? {} : options, (error, signature) => {
        if (!error) return callback?.(undefined, signature);
        // An error would end the whole connection, although another key may do; a signature that cannot be right only
        // ends this attempt.
        onRefused(error.message);
        callback?.(undefined, Buffer.alloc(64));
      });
    }
  }
  return new SingleKeyAgent();
}
