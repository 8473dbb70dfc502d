// The one importer of pino. A process makes one logger and hands it down as a `Logger` of common/base:
//
//   const logger = createLogger({ name: 'kvnode', level: values.logLevel });
//
// Lines are JSON on stderr, because stdout is for results. They hold no control characters, and are written synchronously, so none is
// lost at an exit or in a crash.

import { destination, type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino';
import type { Logger } from '../base/log.ts';
import type { LogLevel } from './flags.ts';
import { visible } from './visible.ts';

export interface LoggerOptions {
  /** Which process: kvnode, coordinator, ... */
  readonly name: string;
  readonly level: LogLevel;
}

/** A {@link Logger} that can also log why the process ends. That line is written at every level, even `silent`. */
export interface ProcessLogger extends Logger {
  fatal(fields: object, message: string): void;
  child(fields: object): ProcessLogger;
}

const STDERR = 2;

export function createLogger(options: LoggerOptions): ProcessLogger {
  const stream = destination({ dest: STDERR, sync: true });
  // The reader of stderr may go away. That must not stop a node.
  stream.on('error', () => {});
  // JSON may hold some control characters as they are.
  const lines = { write: (line: string) => stream.write(visible(line)), flushSync: () => stream.flushSync() };
  const logger = pino(
    {
      level: options.level === 'silent' ? 'fatal' : options.level,
      base: { process: options.name, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    lines,
  );
  return adapt(logger);
}

function adapt(logger: PinoLogger): ProcessLogger {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    fatal: (fields, message) => logger.fatal(fields, message),
    child: (fields) => adapt(logger.child(fields)),
  };
}
