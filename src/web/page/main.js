// The page at work: what the user gives becomes pictures, these become results.

import { setUpCamera } from './camera.js';
import { isDataset } from './dataset.js';
import { setUpDrawing } from './drawing.js';
import { droppedFiles } from './dropped.js';
import { readPicture } from './pictures.js';
import { Predictor } from './predict.js';
import { prepare } from './prepare.js';
import { setUpTraining } from './train_main.js';
import { aboutDevice, element, errorItem, gpuTrouble, imageCanvas, madeOf, namesOf, resultItem, sampleSource } from './view.js';
import { decodeBase64, decodePrograms } from './weights.js';

// The first answer does not wait longer for the GPU.
const PATIENCE = 100;
// Results that stay: each takes more than a megabyte.
const MOST_RESULTS = 50;

const at = (id) => document.getElementById(id);
const data = JSON.parse(at('data').textContent);
const { class_names: classNames, shape, resize, samples } = data;
// Images that are light on dark because preparation turned them around are shown as their pictures are.
const isNegative = shape.channels === 1 && resize === null;

const programs = decodePrograms(data.programs);
const predictor = new Predictor(data, programs, showDevice);

function showDevice() {
  at('about').querySelector('div').replaceChildren(aboutDevice(predictor));
  at('gpu-trouble').hidden = !predictor.trouble;
  if (predictor.trouble) at('gpu-trouble').replaceChildren(...gpuTrouble(predictor));
}

// One picture after the other, in the order in which they came.
let queue = Promise.resolve();

/**
 * Puts an item on top of the list when it is its turn: the one that `work` makes, or what went wrong with that.
 * `isSought` scrolls to it.
 */
function enqueue(work, isSought = true) {
  const done = queue.then(async () => {
    at('busy').hidden = false;
    // Between pictures the page shows what it has, and listens.
    await new Promise((resolve) => setTimeout(resolve));
    const item = await work().catch((error) => errorItem(error.message));
    at('busy').hidden = true;
    at('results').prepend(item);
    while (at('results').children.length > MOST_RESULTS) {
      at('results').lastElementChild.remove();
      at('clear-results').textContent = `Clear results (the latest ${MOST_RESULTS} are kept)`;
    }
    at('clear-results').hidden = false;
    at('status').textContent = item.querySelector('.answer, .trouble').textContent;
    if (isSought) item.scrollIntoView({ block: 'nearest' });
    return item;
  });
  queue = done;
  return done;
}

function prepared(picture) {
  try {
    return prepare(picture, shape, resize);
  } catch (error) {
    throw new Error(`${picture.name}: ${error.message}.`);
  }
}

/** The result of a picture. */
async function resultOf(picture) {
  const { pixels, notes } = prepared(picture);
  return resultItem(
    {
      source: [picture.name],
      shown: picture.shown,
      image: imageCanvas(pixels, shape, isNegative),
      notes,
      predictions: await predictor.predict(pixels),
    },
    predictor.models,
    classNames,
  );
}

async function sampleResult({ label, pixels: text }) {
  const pixels = decodeBase64(text);
  const image = imageCanvas(pixels, shape, isNegative);
  const predictions = await predictor.predict(pixels);
  return resultItem(
    { source: sampleSource(classNames[label]), shown: null, image, notes: [], predictions, label },
    predictor.models,
    classNames,
  );
}

// Before a model was trained there is nothing to predict with: then all is for the training.
const isUntrained = () => predictor.models.length === 0;

function takeFiles(files) {
  if (isUntrained()) return training.refuse('The models have learned nothing yet: train them, then they look at pictures');
  for (const file of files) enqueue(async () => resultOf(await readPicture(file)));
}

/** Shows what came of it where it cannot be anything else. */
function refuse(message) {
  if (isUntrained()) return training.refuse(message);
  enqueue(async () => errorItem(message));
}

/** Whether images are light on dark, and pictures are not turned around for the models. */
function isPaperDark() {
  if (shape.channels !== 1 || resize === null || !samples.length) return false;
  const corners = samples.map(({ pixels }) => decodeBase64(pixels)[0]);
  return corners.reduce((sum, value) => sum + value, 0) < 64 * corners.length;
}

function setUpFiles() {
  at('clear-results').onclick = () => {
    at('results').replaceChildren();
    at('choose').focus();
    at('clear-results').hidden = true;
  };
  at('choose').onclick = () => at('files').click();
  at('files').onchange = () => {
    takeFiles(at('files').files);
    // So that the same file can be chosen again.
    at('files').value = '';
  };

  const mark = (isOver) => document.body.classList.toggle('dropping', isOver);
  document.ondragover = (event) => {
    event.preventDefault();
    mark(true);
  };
  document.ondragleave = (event) => mark(event.relatedTarget !== null);
  document.ondrop = async (event) => {
    event.preventDefault();
    mark(false);
    const files = await droppedFiles(event.dataTransfer).catch(({ name, message }) => {
      refuse(
        name === 'EncodingError'
          ? 'This browser gives a page from the disk no folders that are dropped: press “Choose a folder”.'
          : `The folder cannot be read: ${message}`,
      );
    });
    if (!files) return;
    if (isDataset(files)) training.takeFiles(files);
    else if (files.length) takeFiles(files.map(({ file }) => file));
    else refuse('No file was dropped, or a folder without any: save the picture, and drop its file.');
  };

  document.onpaste = (event) => {
    if (event.target.closest?.('[type=number]')) return;
    const { files } = event.clipboardData;
    if (files.length) takeFiles(files);
    else refuse('There is no picture to paste: copy one, and paste it here.');
  };
}

function setUpSamples() {
  const buttons = samples.map((sample) => {
    const image = imageCanvas(decodeBase64(sample.pixels), shape, isNegative);
    const button = element('button', 'sample', image);
    button.type = 'button';
    button.setAttribute('aria-label', `Test image: ${classNames[sample.label]}`);
    button.onclick = () => enqueue(() => sampleResult(sample));
    return button;
  });
  at('samples').append(...buttons);
  at('ready').hidden = !samples.length;
}

function setUpPaper() {
  // What becomes of a drawing takes the place of what became of it one stroke before.
  let drawn = null;
  setUpDrawing(at('draw'), shape, isPaperDark(), {
    drew: async (picture) => {
      const item = await enqueue(async () => resultOf(picture), false);
      drawn?.remove();
      drawn = item;
      // The list may be out of sight.
      at('drawn').textContent = at('status').textContent;
    },
    cleared: () => {
      queue = queue.then(() => {
        drawn = null;
        at('drawn').textContent = '';
      });
    },
  });
}

at('advice').hidden = resize !== null;
at('classes').querySelector('summary').textContent = `The ${classNames.length} classes it knows`;
at('classes').querySelector('p').append(...namesOf(classNames));
at('made').append(...madeOf(data));
setUpFiles();
setUpSamples();
setUpCamera(at('photograph'), (picture) => enqueue(async () => resultOf(picture)));
setUpPaper();

function showModels() {
  at('give').hidden = at('answers').hidden = isUntrained();
  at('untrained').hidden = !isUntrained();
  showDevice();
}

const training = setUpTraining(data, programs, (models, reached) => {
  // What was given before is looked at by the models of before.
  queue = queue.then(async () => {
    for (const model of models) await predictor.use(model);
    showModels();
    const others = predictor.models.length > models.length ? ' The other one is the page’s own.' : '';
    const back = data.models.length ? ' Loaded anew, the page has its own models back.' : '';
    at('learned').textContent = `Models trained in this page answer from here on: ${reached}.${others}${back}`;
    at('learned').hidden = false;
    if (at('results').children.length) at('results').prepend(element('li', 'note', 'Before the training:'));
  });
  if (samples.length) enqueue(() => sampleResult(samples[0]), false);
  return queue;
});
showModels();

const started = predictor.start();
await Promise.race([started, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
if (samples.length && predictor.models.length) enqueue(() => sampleResult(samples[0]), false);
