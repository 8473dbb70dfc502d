// A client-session table whose records are texts.

import { toBytes, utf8OrNull } from '../../../common/base/bytes.ts';
import type { SessionChange, SessionRow, SessionTable, Storage } from '../../../kvnode/storage/storage.ts';

export class TextTable implements SessionTable {
  readonly #rows = new Map<string, SessionRow>();
  #changes: SessionChange[] = [];
  readonly storage: Storage;

  constructor(storage: Storage) {
    this.storage = storage;
  }

  /** Attaches the table to a replica, and takes over what was found on the disk. */
  keep(range = 1): string[] {
    const found = this.storage.attachSessions(range, this);
    for (const row of found) this.#rows.set(utf8OrNull(row.clientId) ?? '', row);
    return found.map(textOfSession).sort();
  }

  /** Null: the client is evicted. */
  set(client: string, record: string | null): void {
    this.#changes.push({ clientId: toBytes(client), record: record === null ? null : toBytes(record) });
    if (record === null) this.#rows.delete(client);
    else this.#rows.set(client, textRow(client, record));
  }

  rows(): readonly SessionRow[] {
    return [...this.#rows.values()];
  }

  takeChanges(): readonly SessionChange[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }
}

export function textOfSession({ clientId, record }: SessionRow): string {
  return `${utf8OrNull(clientId)}=${utf8OrNull(record)}`;
}

export function textRow(client: string, record: string): SessionRow {
  return { clientId: toBytes(client), record: toBytes(record) };
}
