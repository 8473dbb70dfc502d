// The schema of the wire protocol, read by protobufjs itself. Tests compare our own codec with it.

import protobuf from 'protobufjs';

export const schema = protobuf.loadSync('common/wire/rangekeeper.proto');

export type { Field, Type } from 'protobufjs';
