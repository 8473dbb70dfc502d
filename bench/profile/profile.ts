// Where the time of one slot went: plain data, as it is written to JSON; report/profile-lines.ts tells it. Times are cores: CPU
// seconds in each second of the slot.

export interface Part {
  readonly name: string;
  readonly cores: number;
}

/** A function that ran itself, callees left out. */
export interface HotFunction extends Part {
  /** `kvnode/node.ts:120`; empty for native code. */
  readonly where: string;
}

/** The thread that runs JavaScript; the times of all five are 1 in sum. */
export interface MainThread {
  readonly javascript: number;
  readonly garbage: number;
  /** On a core, but neither in JavaScript and what it calls nor in the collector: libuv, V8, the kernel. */
  readonly native: number;
  /** Ready to run, with no core free for it. */
  readonly waiting: number;
  readonly sleeping: number;
  /** Of the time on a core, that in the kernel; in steps of 10 ms. */
  readonly system: number;
}

/** What one process did in the slot, as counts. */
export interface Work {
  /** Voluntary context switches of the main thread: how often it went to sleep. */
  readonly sleeps: number;
  /** Of the main thread, which are those of sockets: calls of read and write, and their bytes. */
  readonly reads: number;
  readonly writes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** Of the other threads: the log's and the state store's files. */
  readonly fileBytes: number;
  /** Pauses of the garbage collector, and the longest, ms. */
  readonly pauses: number;
  readonly longestPauseMs: number;
  /** How late a timer was, p99 and at most, ms. */
  readonly lateMs: number;
  readonly latestMs: number;
  /** What rose on the process's /metrics page, by name without its family's prefix and `_total`. */
  readonly counters: Readonly<Record<string, number>>;
}

/** At the end of the slot, bytes. */
export interface Memory {
  /** Mapped files and the program itself, which the kernel can take back; and all else that is resident. */
  readonly files: number;
  readonly own: number;
  /** Of `own`: V8's heap, and buffers outside of it. */
  readonly heap: number;
  readonly buffers: number;
  /** What a node counts of itself, in either, by name. */
  readonly caches: Readonly<Record<string, number>>;
}

export interface ProcessProfile {
  readonly name: string;
  /** Ranges that it owns; null where it is no node. */
  readonly owned: number | null;
  /** Of all of its threads. */
  readonly cores: number;
  readonly main: MainThread;
  /** JavaScript by where it comes from: a folder of the sources, a package, `node`, `native calls`; largest first. */
  readonly groups: readonly Part[];
  readonly hottest: readonly HotFunction[];
  /** The other threads by what they are; largest first. */
  readonly threads: readonly Part[];
  readonly work: Work;
  readonly memory: Memory;
}

export interface MachineProfile {
  readonly cores: number;
  readonly idle: number;
  readonly interrupts: number;
  /** Taken away by the hypervisor. */
  readonly stolen: number;
  /** The contender's processes that have no profile: guardians, coordinators, ZooKeeper. */
  readonly helpers: readonly Part[];
  /** Kernel threads by name. */
  readonly kernel: readonly Part[];
  /** Processes that are no part of the contender. */
  readonly others: readonly Part[];
}

export interface Profile {
  readonly subject: string;
  readonly seconds: number;
  /** Answered in the slot; null where that is not what it measures. */
  readonly operations: number | null;
  /** Of their latency, ms. */
  readonly median: number | null;
  /** Of those that JavaScript runs in; the busiest first. */
  readonly processes: readonly ProcessProfile[];
  readonly machine: MachineProfile;
}
