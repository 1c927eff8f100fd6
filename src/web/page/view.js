// What the page shows: elements made of data. Every text is set as text, never as markup.

import { likeliest } from './predict.js';

// All classes are shown if they are no more than that, else the likeliest ones.
const ALL_CLASSES = 10;
const LIKELIEST_CLASSES = 5;
// The pixels of a larger image are too small to be seen one by one.
const LONGEST_PIXELATED = 64;

/** An element with a class and children: elements, or strings, which are text and not markup. */
export function element(name, className, ...children) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...children);
  return made;
}

/** A model's or a class's name: whatever it is written in leaves the text around it alone. */
export function named(name) {
  return element('bdi', '', name);
}

export function inPercent(fraction, decimals) {
  return `${(100 * fraction).toFixed(decimals)}\u00a0%`;
}

/** Puts a comma, or what is given, between items. */
function withCommas(items, between = ', ') {
  return items.flatMap((item, index) => (index ? [between, item] : [item])).flat();
}

/** A canvas with an image of the dataset; with `isNegative` dark on light where the page is light. */
export function imageCanvas(pixels, { channels, height, width }, isNegative) {
  const canvas = element('canvas', isNegative ? 'image negative' : 'image');
  [canvas.width, canvas.height] = [width, height];
  canvas.classList.toggle('pixelated', Math.max(width, height) <= LONGEST_PIXELATED);
  const image = new ImageData(width, height);
  const plane = height * width;
  for (let at = 0; at < plane; at++) {
    for (let channel = 0; channel < 3; channel++) {
      image.data[4 * at + channel] = pixels[(channel % channels) * plane + at];
    }
    image.data[4 * at + 3] = 255;
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
  return canvas;
}

/** A canvas as a figure: what it is, in words. */
function figureOf(canvas, caption) {
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', caption);
  return element('figure', '', canvas, element('figcaption', '', caption));
}

/** The answer as a sentence: a class and its probability for each model, models of one mind together. */
function answerOf(predictions, models, classNames) {
  const labels = predictions.map(({ probabilities }) => likeliest(probabilities));
  const parts = [...new Set(labels)].map((label) => {
    const indices = [...labels.keys()].filter((index) => labels[index] === label);
    const shares = indices.map((index) => {
      const share = inPercent(predictions[index].probabilities[label], 1);
      return models.length > 1 ? [`${share} (`, named(models[index].name), ')'] : [share];
    });
    return [named(classNames[label]), ', ', ...withCommas(shares)];
  });
  return withCommas(parts, '; ');
}

/** The labels to show, the likeliest to all models together first. */
function shownLabels(predictions, classes) {
  const total = (label) => predictions.reduce((sum, { probabilities }) => sum + probabilities[label], 0);
  const labels = Array.from({ length: classes }, (_, label) => label).sort((a, b) => total(b) - total(a));
  return classes <= ALL_CLASSES ? labels : labels.slice(0, LIKELIEST_CLASSES);
}

/** Each class with a bar for each model. */
function classTable(predictions, models, classNames, trueLabel) {
  const heads = models.map(({ name }) => {
    const head = element('th', '', named(name));
    head.scope = 'col';
    return head;
  });
  const labels = shownLabels(predictions, classNames.length);
  const rows = labels.map((label) => {
    const head = element('th', '', label === trueLabel ? '✓ ' : '', named(classNames[label]));
    head.scope = 'row';
    const cells = predictions.map(({ probabilities }, index) => {
      const cell = element('td', `c${index}`, inPercent(probabilities[label], 1));
      cell.style.setProperty('--w', `${100 * probabilities[label]}%`);
      return cell;
    });
    return element('tr', label === trueLabel ? 'true' : '', head, ...cells);
  });
  const rest = classNames.length - labels.length;
  return [
    element(
      'table',
      'probabilities',
      element('caption', 'unseen', 'Probability of each class'),
      element('thead', '', element('tr', '', element('td', ''), ...heads)),
      element('tbody', '', ...rows),
    ),
    ...(rest > 0 ? [element('p', 'small', `and ${rest} less probable`)] : []),
  ];
}

/** How long it took, and on what. */
function timesOf(predictions, models) {
  const time = ({ milliseconds }) => `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)}\u00a0ms`;
  const place = ({ isOnGpu }) => (isOnGpu ? ' on the GPU' : ' in plain script');
  if (models.length === 1) return [time(predictions[0]), place(predictions[0])];
  return withCommas(
    predictions.map((prediction, index) => {
      const isLastThere = predictions[index + 1]?.isOnGpu !== prediction.isOnGpu;
      return [named(models[index].name), ` ${time(prediction)}`, isLastThere ? place(prediction) : ''];
    }),
  );
}

/**
 * A result, as an item of the list.
 * @param {{source: (string | Node)[], shown: HTMLCanvasElement | null, image: HTMLCanvasElement, notes: string[],
 *   predictions: object[], label: number | undefined}} result
 */
export function resultItem({ source, shown, image, notes, predictions, label }, models, classNames) {
  const seen = models.length > 1 ? 'What the models see' : 'What the model sees';
  const pictures = [...(shown ? [figureOf(shown, 'The picture')] : []), figureOf(image, seen)];
  return element(
    'li',
    'result',
    element('div', 'pictures', ...pictures),
    element(
      'div',
      'said',
      element('h3', 'answer', ...answerOf(predictions, models, classNames)),
      element('p', 'small', ...source),
      ...notes.map((note) => element('p', 'trouble', `${note}.`)),
      ...classTable(predictions, models, classNames, label),
      element('p', 'small', ...timesOf(predictions, models)),
    ),
  );
}

/** What went wrong with a picture, as an item of the list. */
export function errorItem(message) {
  return element('li', 'result error', element('p', 'trouble', message));
}

/** Names as a list in a sentence. */
export function namesOf(names) {
  return withCommas(names.map((name) => [named(name)]));
}

/** Where a test image comes from, and what it is. */
export function sampleSource(className) {
  return ['A test image of the class ', named(className)];
}

/** What made the page, of which data, and how good the models are. */
export function madeOf({ version, dataset, models }) {
  const accuracies = models
    .filter((model) => model.test_accuracy !== null)
    .map((model) => [named(model.name), ` ${inPercent(model.test_accuracy, 2)}`]);
  if (!models.length) return [`Made by fmnist ${version} for ${dataset}. This file needs nothing but itself.`];
  return [
    `Made by fmnist ${version} of models trained on ${dataset}. `,
    ...(accuracies.length ? ['Accuracy on its test images: ', ...withCommas(accuracies), '. '] : []),
    'This file needs nothing but itself.',
  ];
}

/** Why there is no GPU, and what to do about it. */
export function gpuTrouble({ trouble, advice }) {
  const said = element('p', '', `Computed in plain script, which takes longer. ${trouble}`);
  if (!advice.length) return [said];
  const steps = element('ul', '', ...advice.map((step) => element('li', '', step)));
  return [said, element('details', '', element('summary', '', 'What to switch on'), steps)];
}

/** What the page learned about the device it runs on: for the curious, and to quote where something goes wrong. */
export function aboutDevice(predictor) {
  const { gpu, trouble, difference, startMilliseconds, needs, trainingNeeds, models, isOnGpu } = predictor;
  const script = trouble ? 'in plain script' : 'in plain script, until the GPU is ready';
  const pairs = [['Computed', isOnGpu ? 'on the GPU, by WebGPU' : script]];
  if (trouble) pairs.push(['Why', trouble]);
  if (gpu) {
    pairs.push(['GPU', gpu.name]);
    if (startMilliseconds !== null) pairs.push(['Made ready in', `${startMilliseconds.toFixed(0)} ms`]);
    if (difference !== null) pairs.push(['Differs from plain script by', `${difference.toExponential(1)} at most`]);
    for (const [limit, need] of Object.entries(needs)) {
      const numbers = [gpu.limits[limit], need, trainingNeeds[limit]];
      const [most, least, inTraining] = numbers.map((number) => number.toLocaleString('en'));
      const training = inTraining === least ? '' : `, to train ${inTraining}`;
      pairs.push([limit, `${most}, needed ${least}${training}`]);
    }
  }
  for (const { name, weights } of models) {
    pairs.push([`Model ${name}`, `${weights.length.toLocaleString('en')} weights`]);
  }
  pairs.push(['Browser', navigator.userAgent]);
  const items = pairs.map(([term, text]) => element('div', '', element('dt', '', term), element('dd', '', text)));
  return element('dl', 'pairs', ...items);
}
