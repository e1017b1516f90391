import { Socket } from 'node:net';
import ssh2, {
  type BaseAgent,
  type OpenSSHAgent,
  type ParsedKey,
  type SignCallback,
  type SigningRequestOptions,
} from 'ssh2';

/** An agent that hangs (a token waiting for its PIN) must not keep the process from ending. */
class PatientAgent extends ssh2.OpenSSHAgent {
  override getStream(callback: Parameters<OpenSSHAgent['getStream']>[0]): void {
    super.getStream((error, stream) => {
      if (stream instanceof Socket) stream.unref();
      callback(error, stream);
    });
  }
}

/** The keys that an agent holds and ssh2 can use; undefined when no agent answers. */
export function agentKeys(socket: string): Promise<readonly ParsedKey[] | undefined> {
  return new Promise((resolve) => {
    new PatientAgent(socket).getIdentities((error, keys) => {
      resolve(error ? undefined : (keys as ParsedKey[]));
    });
  });
}

/** Offers one key of an agent: which keys are tried, and in which order, is for us to say and to report. */
export function singleKeyAgent(socket: string, key: ParsedKey, onRefused: (reason: string) => void): BaseAgent {
  const agent = new PatientAgent(socket);
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
