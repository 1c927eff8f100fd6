// Loss and accuracy of the models over the epochs, as plots.

const SPACE = 'http://www.w3.org/2000/svg';
const SIZE = { width: 440, height: 250, left: 54, right: 10, top: 10, bottom: 34 };
// More points are not seen apart.
const MOST_POINTS = 300;

/**
 * A plot of the models: thin what they had on the images they learned from, thick on those held out.
 * @param {{curve: object[], history: object[], epochs: number}[]} models
 * @param {'loss' | 'accuracy'} quantity
 */
export function plot(models, quantity, label) {
  const lines = models.map(({ color, curve, history }) => ({
    color,
    training: thinned(curve.map((point) => [point.at, point[quantity]])),
    validation: history.map((record) => [record.epoch, record[`validation_${quantity}`]]),
  }));
  const epochs = Math.max(...models.map((model) => model.epochs));
  const points = lines.flatMap(({ training, validation }) => [...training, ...validation]);
  const values = points.length ? points.map(([, value]) => value) : [0, 1];
  const ticks = quantity === 'accuracy' ? ticksOf(Math.min(1, ...values), 1) : ticksOf(0, Math.max(1e-3, ...values));
  const [low, high] = [ticks[0], ticks.at(-1)];
  const { width, height, left, right, top, bottom } = SIZE;
  const x = (at) => left + ((width - left - right) * at) / epochs;
  const y = (value) => top + ((height - top - bottom) * (high - value)) / (high - low);
  const svg = drawn('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label, class: 'plot' });
  for (const value of ticks) {
    const round = (number) => Number(number.toPrecision(4));
    const text = quantity === 'accuracy' ? `${round(100 * value)} %` : String(round(value));
    svg.append(drawn('line', { x1: left, x2: width - right, y1: y(value), y2: y(value), class: 'grid' }));
    svg.append(drawn('text', { x: left - 6, y: y(value) + 4, 'text-anchor': 'end' }, text));
  }
  for (const at of ticksOf(0, epochs).filter((at) => Number.isInteger(at) && at <= epochs)) {
    svg.append(drawn('text', { x: x(at), y: height - bottom + 16, 'text-anchor': 'middle' }, String(at)));
  }
  svg.append(drawn('text', { x: (left + width) / 2, y: height - 3, 'text-anchor': 'middle' }, 'epoch'));
  for (const { color, training, validation } of lines) {
    for (const [points, kind] of [[training, 'training'], [validation, 'validation']]) {
      const text = points.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
      svg.append(drawn('polyline', { points: text, class: `${kind} c${color}` }));
    }
    const last = validation.at(-1);
    if (last) svg.append(drawn('circle', { cx: x(last[0]), cy: y(last[1]), r: 3.5, class: `c${color}` }));
  }
  return svg;
}

/** Round numbers from at most `low` to at least `high`, four to seven of them. */
export function ticksOf(low, high) {
  const range = Math.max(high - low, 1e-3);
  const power = 10 ** Math.floor(Math.log10(range / 4));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((step) => range / step <= 5);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(Math.ceil(high / step - 1e-9), first + 1);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/** Fewer points: means of as many neighbours each. */
export function thinned(points) {
  const group = Math.ceil(points.length / MOST_POINTS);
  if (group <= 1) return points;
  const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  return Array.from({ length: Math.ceil(points.length / group) }, (_, index) => {
    const own = points.slice(index * group, (index + 1) * group);
    return [mean(own.map(([at]) => at)), mean(own.map(([, value]) => value))];
  });
}

function drawn(name, attributes, text = '') {
  const made = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}
