// Reads traces with apache-arrow, as files and as streams, and prints digests as
// README.md beside this file defines them: node readers.mjs FILE...

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CompressionType, DataType, RecordBatchReader, compressionRegistry } from 'apache-arrow';
import * as fzstd from 'fzstd';
import * as lz4 from 'lz4js';

// apache-arrow brings no codecs. It needs the bytes at the start of a buffer of
// their own, hence the copies.
compressionRegistry.set(CompressionType.ZSTD, { decode: (data) => fzstd.decompress(data).slice() });
compressionRegistry.set(CompressionType.LZ4_FRAME, { decode: (data) => Uint8Array.from(lz4.decompress(data)) });

const STREAM_OFFSET = 8; // a trace is an Arrow stream from there on

const hexOf = (bytes) => 'x' + Buffer.from(bytes).toString('hex');
const bitsOf = (array, i) => Buffer.from(array.buffer, array.byteOffset + i * 8, 8).readBigUInt64LE().toString(16).padStart(16, '0');

// encoder returns a function from row number to canonical form for an Arrow column's
// data. It reads the buffers themselves: Vector.get would turn times into floats.
function encoder(data) {
  const value = valueEncoder(data);
  return (i) => (data.getValid(i) ? value(i) : 'null');
}

function valueEncoder(data) {
  const { type, values, valueOffsets, children } = data;
  if (DataType.isNull(type)) return () => 'null';
  if (DataType.isDictionary(type)) return dictionaryEncoder(data);
  if (DataType.isBool(type)) return (i) => String((values[(data.offset + i) >> 3] >> (data.offset + i) % 8 & 1) === 1);
  if (DataType.isFloat(type)) return (i) => 'f' + bitsOf(values, i);
  if (DataType.isInt(type) || DataType.isTimestamp(type)) return (i) => values[i].toString();
  if (DataType.isStruct(type)) {
    const fields = children.map(encoder);
    return (i) => '{' + fields.map((f) => f(i) + ';').join('') + '}';
  }
  if (DataType.isList(type)) {
    const item = encoder(children[0]);
    return (i) => listOf(item, valueOffsets[i], valueOffsets[i + 1]);
  }
  if (DataType.isFixedSizeList(type)) {
    const item = encoder(children[0]);
    return (i) => listOf(item, i * type.listSize, (i + 1) * type.listSize);
  }
  return (i) => hexOf(values.subarray(Number(valueOffsets[i]), Number(valueOffsets[i + 1])));
}

function dictionaryEncoder(data) {
  const names = data.dictionary.data.flatMap((d) => {
    const name = encoder(d);
    return Array.from({ length: d.length }, (_, i) => name(i));
  });
  return (i) => names[data.values[i]];
}

function listOf(item, from, to) {
  let text = '(';
  for (let i = from; i < to; i++) text += item(i) + ';';
  return text + ')';
}

function digest(bytes) {
  const reader = RecordBatchReader.from(bytes).open();
  const fields = reader.schema.fields;
  const sha = createHash('sha256');
  const nulls = Object.fromEntries(fields.map((f) => [f.name, 0]));
  const sums = Object.fromEntries(fields.filter((f) => DataType.isInt(f.type)).map((f) => [f.name, 0n]));
  let rows = 0;
  sha.update('[' + fields.map((f) => hexOf(Buffer.from(f.name))).join(',') + ']\n');
  for (const batch of reader) {
    const columns = batch.data.children.map(encoder);
    for (let i = 0; i < batch.numRows; i++) {
      const row = columns.map((c) => c(i));
      row.forEach((v, c) => {
        const { name } = fields[c];
        if (v === 'null') nulls[name]++;
        else if (name in sums) sums[name] = BigInt.asIntN(64, sums[name] + BigInt(v));
      });
      sha.update('[' + row.join(',') + ']\n');
    }
    rows += batch.numRows;
  }
  const text = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum.toString()]));
  return { rows, nulls, sums: text, hash: sha.digest('hex') };
}

for (const file of process.argv.slice(2)) {
  const bytes = new Uint8Array(readFileSync(file));
  for (const [reader, data] of [['apache-arrow file', bytes], ['apache-arrow stream', bytes.slice(STREAM_OFFSET)]]) {
    try {
      console.log(JSON.stringify({ file, reader, ...digest(data) }));
    } catch (error) {
      console.log(JSON.stringify({ file, reader, error: String(error.stack) }));
    }
  }
}
