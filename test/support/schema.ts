// The schema of the wire, read from its file by protobufjs itself: what our own codec is held to.

import protobuf from 'protobufjs';

export const schema = protobuf.loadSync('common/wire/rangekeeper.proto');

export type { Field, Type } from 'protobufjs';
