// What all processes of one fixture server share, as a service shares its database: published names, the watched document's
// revision, and what became of calls. One file for each fact, so that processes never overwrite each other's.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const POLL_MS = 100;

export class State {
  constructor(directory) {
    this.published = path.join(directory, 'published');
    this.calls = path.join(directory, 'calls');
    this.watchedFile = path.join(directory, 'watched');
    for (const folder of [this.published, this.calls]) mkdirSync(folder, { recursive: true });
  }

  names() {
    return readdirSync(this.published).sort();
  }

  publish(name) {
    writeFileSync(path.join(this.published, path.basename(name)), '');
  }

  retract(name) {
    rmSync(path.join(this.published, path.basename(name)), { force: true });
  }

  get watched() {
    try {
      return readFileSync(this.watchedFile, 'utf8');
    } catch {
      return 'never written';
    }
  }

  set watched(text) {
    writeFileSync(this.watchedFile, text);
  }

  note(key, what) {
    writeFileSync(path.join(this.calls, path.basename(key)), what);
  }

  noted(key) {
    try {
      return readFileSync(path.join(this.calls, path.basename(key)), 'utf8');
    } catch {
      return 'unknown';
    }
  }

  /** Calls `onNames` when the published names change and `onWatched` when the document does, whichever process did it. */
  follow({ onNames, onWatched }) {
    let names = this.names().join();
    let watched = this.watched;
    setInterval(() => {
      const [nowNames, nowWatched] = [this.names().join(), this.watched];
      if (nowNames !== names) onNames();
      if (nowWatched !== watched) onWatched();
      [names, watched] = [nowNames, nowWatched];
    }, POLL_MS).unref();
  }
}
