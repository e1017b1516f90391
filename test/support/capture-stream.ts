import { Writable } from 'node:stream';

/** A stream that remembers what is written to it. */
export class CaptureStream extends Writable {
  text = '';
  columns = 100;
  rows = 24;

  override _write(chunk: Buffer | string, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }
}
