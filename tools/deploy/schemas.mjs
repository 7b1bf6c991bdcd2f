// Kubernetes' own schemas, offline, from the package kubernetes-models. Its validators find wrong types and missing fields and
// pass over fields that no schema knows, such as a misspelt `readynessProbe`; those are found here.

/** What is wrong with an object, in words; empty when nothing is. */
export async function schemaFaults(object) {
  const name = `${object.kind} ${object.metadata?.name}`;
  const Model = await modelOf(object);
  if (!Model) return [`${name}: Kubernetes has no ${object.kind} in ${object.apiVersion}.`];
  const watch = new Watch();
  const faults = [];
  try {
    watch.over(new Model(object)).validate();
  } catch (error) {
    faults.push(`${name}: ${error.message.replaceAll('data/', '')}`);
  }
  return [...faults, ...watch.unread().map((field) => `${name}: there is no field ${field}.`)];
}

async function modelOf({ apiVersion, kind }) {
  const folder = apiVersion.includes('/') ? apiVersion : `${apiVersion}`;
  try {
    return (await import(`kubernetes-models/${folder}`))[kind];
  } catch {
    return undefined;
  }
}

/**
 * Watches a validator at work. It reads each field that its schema knows, whether it is there or not, and walks through the
 * keys of a map, such as labels; so a field that is there and was never read is one that no schema knows.
 */
class Watch {
  #seen = [];

  over(value, where = '') {
    if (value === null || typeof value !== 'object') return value;
    const read = new Set();
    const children = new Map();
    let walked = false;
    const isModel = where === '';
    this.#seen.push(() => (walked || Array.isArray(value) ? [] : Object.keys(value).filter((key) => !read.has(key)).map((key) => where + key)));
    return new Proxy(value, {
      get: (target, key) => {
        const field = target[key];
        if (typeof key === 'symbol' || typeof field === 'function') return field;
        read.add(key);
        if (!children.has(key)) children.set(key, this.over(field, Array.isArray(target) ? `${where.slice(0, -1)}[${key}].` : `${where}${key}.`));
        return children.get(key);
      },
      ownKeys: (target) => {
        // The model's own class may look through its top level; what stands there is never a map.
        if (!isModel) walked = true;
        return Reflect.ownKeys(target);
      },
    });
  }

  unread() {
    return this.#seen.flatMap((fields) => fields());
  }
}
