// Decodes a node's load report.

import { LIMITS } from '../model/config.ts';
import type { Field } from '../model/fields.ts';
import { LOAD_LIMITS, type LoadRecord, type RangeLoadRecord } from '../model/load.ts';

/** Throws BadDataError. */
export function readLoad(field: Field): LoadRecord {
  const amountOrNull = (name: string) => field.get(name).orNull((amount) => amount.amount());
  return {
    cpu: amountOrNull('cpu'),
    syncP99Ms: amountOrNull('syncP99Ms'),
    syncMeanMs: amountOrNull('syncMeanMs'),
    ranges: field.get('ranges').list(LOAD_LIMITS.rangesMax, readRangeLoad),
  };
}

function readRangeLoad(field: Field): RangeLoadRecord {
  const { samplesMax, sampleBytesMax } = LOAD_LIMITS;
  const middleKey = field.get('middleKey').orNull((key) => key.bytes(sampleBytesMax));
  const samples = field
    .get('samples')
    .orNull((keys) => keys.list(samplesMax, (key) => key.bytes(sampleBytesMax)));
  return {
    range: field.get('range').integer(1, LIMITS.rangeIdMax),
    reads: field.get('reads').amount(),
    writes: field.get('writes').amount(),
    bytesIn: field.get('bytesIn').amount(),
    bytesOut: field.get('bytesOut').amount(),
    cpu: field.get('cpu').amount(),
    bytes: field.get('bytes').orNull((bytes) => bytes.integer()),
    ...(middleKey === null ? {} : { middleKey }),
    ...(samples === null ? {} : { samples }),
  };
}
