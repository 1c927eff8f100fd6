// The results of a training as files: weights and history.

import { sizesOf } from './random.js';

/** Gives the visitor a file. */
export function download(name, parts, type) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob(parts, { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** `history.csv` as the program writes it. */
export function historyCsv(models) {
  const columns = ['epoch', 'train_loss', 'train_accuracy', 'validation_loss', 'validation_accuracy', 'seconds'];
  const records = models.flatMap(({ name, history }) => history.map((record) => ({ name, ...record })));
  // As the epochs ended.
  records.sort((a, b) => a.epoch - b.epoch);
  const rows = records.map((record) => {
    const [epoch, ...values] = columns.map((column) => record[column]);
    return [record.name, epoch, ...values.map(inJson)].join();
  });
  return [['model', ...columns].join(), ...rows, ''].join('\n');
}

/**
 * A model's weights in the safetensors format, as `fmnist export` writes them: by the names and in the layouts of a
 * PyTorch `nn.Sequential` (src/export/safetensors.rs).
 * @param {{layers: object[], scales: {offset: number, factor: number}[], weights: Float32Array}} model
 * @returns {Uint8Array}
 */
export function safetensors({ layers, scales, weights }, classNames) {
  const values = [];
  const header = {};
  let [place, end, isFlat] = [0, 0, false];
  const add = (name, shape, part) => {
    const start = end;
    end += part.byteLength;
    values.push([start, part]);
    header[name] = { data_offsets: [start, end], dtype: 'F32', shape };
  };
  for (const layer of layers) {
    const { weight, bias } = sizesOf(layer);
    const own = weights.slice(layer.weight, layer.weight + weight);
    const isLinear = layer.kind === 'linear';
    if (isLinear && !isFlat) {
      isFlat = true;
      place++;
    }
    if (isLinear) {
      add(`${place}.weight`, [layer.outputs, layer.inputs], transposed(own, layer.inputs, layer.outputs));
    } else {
      add(`${place}.weight`, [layer.out_channels, layer.in_channels, layer.kernel, layer.kernel], own);
    }
    add(`${place}.bias`, [bias], weights.slice(layer.bias, layer.bias + bias));
    // Behind it come a ReLU, and perhaps a pool.
    place += layer.pool === 2 ? 3 : 2;
  }
  const mean = scales.map(({ offset }) => shortest(offset / 255));
  const std = scales.map(({ factor }) => shortest(Math.round(1 / factor) / 255));
  const text = (numbers) => (numbers.length === 1 ? String(numbers[0]) : `[${numbers.map(inJson).join()}]`);
  header.__metadata__ = { class_names: JSON.stringify(classNames), pixel_mean: text(mean), pixel_std: text(std) };
  const sorted = Object.fromEntries(Object.entries(header).sort());
  const bytes = new TextEncoder().encode(JSON.stringify(sorted));
  const length = Math.ceil(bytes.length / 8) * 8;
  const file = new Uint8Array(8 + length + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.fill(32, 8, 8 + length);
  file.set(bytes, 8);
  for (const [start, part] of values) file.set(new Uint8Array(part.buffer), 8 + length + start);
  return file;
}

function transposed(values, rows, columns) {
  return Float32Array.from(values, (_, at) => values[(at % rows) * columns + Math.floor(at / rows)]);
}

/** The number of the fewest digits that is the same in 32 bits. */
function shortest(number) {
  const wanted = Math.fround(number);
  for (let digits = 1; ; digits++) {
    const rounded = Number(wanted.toPrecision(digits));
    if (Math.fround(rounded) === wanted) return rounded;
  }
}

/** A number as the program writes it in JSON: with a point. */
function inJson(number) {
  return Number.isInteger(number) ? `${number}.0` : String(number);
}
