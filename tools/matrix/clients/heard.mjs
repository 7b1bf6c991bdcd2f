/** What a client has been told without asking, and been asked. Bounded by the run: one client lives for one pair. */
export class Heard {
  notifications = [];
  asked = [];
  waiting = new Set();

  note(method, params = {}) {
    this.notifications.push({ method, params });
    for (const check of this.waiting) check();
  }

  /** The first such notification, of before or still to come. The deadline is the cell's. */
  until(method, matches = () => true, signal) {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = this.notifications.find((one) => one.method === method && matches(one.params));
        if (!found) return;
        this.waiting.delete(check);
        resolve(found.params);
      };
      this.waiting.add(check);
      signal?.addEventListener('abort', () => (this.waiting.delete(check), reject(new Error(`${method} never came`))));
      check();
    });
  }
}

/** How a person, a model and an application behind every client of the matrix answer. */
export function answerAsk(heard, method, params) {
  heard.asked.push({ method, mode: params?.mode ?? 'form' });
  if (method === 'roots/list') return { roots: [{ uri: 'file:///matrix', name: 'matrix' }] };
  if (method === 'sampling/createMessage') return { role: 'assistant', model: 'matrix-model', content: { type: 'text', text: 'word' } };
  if (params?.mode === 'url') return { action: params.url === 'https://example.com/visit' ? 'accept' : 'decline' };
  return { action: 'accept', content: { name: /last/.test(params?.message) ? 'Lovelace' : 'Ada' } };
}
