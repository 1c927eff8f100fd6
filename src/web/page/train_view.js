// What is shown of a training: elements made of its state.

import { download, historyCsv, safetensors } from './downloads.js';
import { element, inPercent, named } from './view.js';

// A larger confusion matrix is not read at a glance: the most frequent mistakes are told before it.
const READ_CLASSES = 12;
const MISTAKES = 10;
// One that is larger still is not shown.
const MATRIX_CLASSES = 62;

const whole = (number) => number.toLocaleString('en', { maximumFractionDigits: 0 });

/** Where a model is, in a line. */
export function progressText({ epoch, epochs, step, imagesPerSecond, curve, history, test }) {
  if (!epoch && !step) return `${epochs} ${epochs === 1 ? 'epoch' : 'epochs'} to go`;
  const parts = [`epoch ${Math.min(epoch + (step ? 1 : 0), epochs)} of ${epochs}`];
  const now = curve.at(-1);
  const validated = history.at(-1);
  if (imagesPerSecond) parts.push(`${whole(imagesPerSecond)} images/s`);
  if (now) parts.push(`loss ${now.loss.toFixed(3)}`, `accuracy ${inPercent(now.accuracy, 1)}`);
  if (validated) parts.push(`validation ${inPercent(validated.validation_accuracy, 1)}`);
  if (test) parts.push(`test ${inPercent(test.accuracy, 2)}`);
  return parts.join(' · ');
}

/** What goes on, in a sentence. */
export function phaseText({ phase, model, secondsLeft, models }) {
  const left = secondsLeft === null ? '' : `, ${durationText(secondsLeft)} left`;
  if (phase === 'done') {
    return `Done: ${models.map(reached).join(', ')} of the ${models[0].test ? 'test images' : 'images held out'} right`;
  }
  return {
    ready: '',
    compiling: 'Making the GPU ready…',
    training: `Training ${model}${left}`,
    validating: `Validating ${model}${left}`,
    testing: `Testing ${model}${left}`,
    paused: 'Paused',
    failed: 'Stopped',
  }[phase];
}

/** What a model reached. */
export function reached({ name, test, history }) {
  return `${name} ${inPercent(test?.accuracy ?? history.at(-1).validation_accuracy, 2)}`;
}

/** Seconds as people say them. */
export function durationText(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))}\u00a0s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)}\u00a0min`;
  return `${(seconds / 3600).toFixed(1)}\u00a0h`;
}

/** All epochs of all models. */
export function historyTable(models) {
  const titles = ['epoch', 'model', 'loss', 'accuracy', 'validation loss', 'validation accuracy', 'seconds'];
  const rows = models.flatMap(({ name, history }) => history.map((record) => ({ name, ...record })));
  rows.sort((a, b) => a.epoch - b.epoch);
  return table(titles, rows.map((row) => [
    String(row.epoch),
    named(row.name),
    row.train_loss.toFixed(4),
    inPercent(row.train_accuracy, 2),
    row.validation_loss.toFixed(4),
    inPercent(row.validation_accuracy, 2),
    row.seconds.toFixed(2),
  ]));
}

/**
 * What can be had of trained models, and how they did on the test images.
 * @param {(name: string) => void} saved called when a model's weights were downloaded
 */
export function resultsOf(models, courses, classNames, saved) {
  const save = (text, onclick) => Object.assign(element('button', 'way', text), { type: 'button', onclick });
  const weights = models.map((model) =>
    save(`Download ${model.name}'s weights`, () => {
      download(`${model.name}.safetensors`, [safetensors(model, classNames)], 'application/octet-stream');
      saved(model.name);
    }),
  );
  const history = save('Download history', () => download('history.csv', [historyCsv(courses)], 'text/csv'));
  const tested = courses.filter(({ test }) => test);
  return [element('div', 'ways', ...weights, history), ...tested.flatMap((model) => confusionOf(model, classNames))];
}

/** Which classes a model takes for which, on the test images. */
function confusionOf({ name, test: { confusion, accuracy } }, classNames) {
  const shown = (said, what, made) => {
    const region = element('div', 'scroll', made);
    Object.assign(region, { tabIndex: 0, role: 'region', ariaLabel: `${what} of ${name} on the test images` });
    return [element('p', 'small', said), region];
  };
  const parts = [element('h4', '', named(name), `: ${inPercent(accuracy, 2)} of the test images right`)];
  if (confusion.length > READ_CLASSES) {
    parts.push(...shown('The most frequent mistakes:', 'Mistakes', mistakesOf(confusion, classNames)));
  }
  if (confusion.length <= MATRIX_CLASSES) {
    const said = 'Rows: what an image is. Columns: what the model takes it for.';
    parts.push(...shown(said, 'Answers', matrixOf(confusion, classNames)));
  }
  return parts;
}

function matrixOf(confusion, classNames) {
  const rows = confusion.map((row, label) => {
    const all = Math.max(1, row.reduce((sum, count) => sum + count, 0));
    return [named(classNames[label]), ...row.map((count, other) => {
      const cell = element('span', label === other ? 'hit' : 'miss', count ? String(count) : '·');
      cell.style.setProperty('--share', `${Math.round((100 * count) / all)}%`);
      return cell;
    })];
  });
  const made = table(['', ...classNames.map(named)], rows);
  made.classList.add('confusion');
  made.classList.toggle('large', classNames.length > READ_CLASSES);
  return made;
}

function mistakesOf(confusion, classNames) {
  const mistakes = confusion.flatMap((row, label) =>
    row.flatMap((count, other) => (count && other !== label ? [{ count, label, other }] : [])),
  );
  mistakes.sort((a, b) => b.count - a.count);
  const rows = mistakes.slice(0, MISTAKES);
  return table(['images of', 'taken for', 'how often'], rows.map(({ count, label, other }) => [
    named(classNames[label]),
    named(classNames[other]),
    String(count),
  ]));
}

function table(titles, rows) {
  const head = titles.map((title) =>
    title === '' ? element('td', '') : Object.assign(element('th', '', title), { scope: 'col' }),
  );
  const body = rows.map(([first, ...others]) => {
    const cell = Object.assign(element('th', '', first), { scope: 'row' });
    return element('tr', '', cell, ...others.map((text) => element('td', '', text)));
  });
  return element('table', 'numbers', element('thead', '', element('tr', '', ...head)), element('tbody', '', ...body));
}
