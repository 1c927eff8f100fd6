// The training part of the page at work: what is trained on, the controls, what is shown.

import { plot } from './curves.js';
import { datasetOfFiles, packedDataset } from './dataset.js';
import { download, historyCsv, safetensors } from './downloads.js';
import { confusionOf, durationText, historyTable, phaseText, progressText } from './train_view.js';
import { Training } from './training.js';
import { element, named } from './view.js';

/**
 * Sets the part up. `onTrained(model)` is called with each model of a training that has ended.
 * @param {object} data the page's
 * @param {Promise<object>} programs what `decodePrograms` promises
 * @returns {{takeFiles: (files: {path: string, file: File}[]) => Promise<void>}}
 */
export function setUpTraining(data, programs, onTrained) {
  const part = new TrainingPart(data, programs, onTrained);
  return { takeFiles: (files) => part.takeFiles(files) };
}

const byId = (id) => document.getElementById(id);
const filesOfInput = (input) =>
  [...input.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));

class TrainingPart {
  #data;
  #programs;
  #onTrained;
  #dataset = null;
  #training = null;
  #isRunning = false;
  #told = '';

  constructor(data, programs, onTrained) {
    this.#data = data;
    this.#programs = programs;
    this.#onTrained = onTrained;
    const { training, models } = data;
    byId('train-models').append(
      ...training.models.map(({ name }) => {
        const box = element('input', '');
        Object.assign(box, { type: 'checkbox', name: 'model', value: name, checked: true });
        return element('label', '', box, ' ', named(name));
      }),
    );
    byId('train-models').hidden = training.models.length < 2;
    byId('train-epochs').value = training.epochs;
    byId('train-start-label').hidden = models.length === 0;
    byId('choose-folder').onclick = () => byId('folder').click();
    byId('choose-idx').onclick = () => byId('idx-files').click();
    byId('use-packed').onclick = () => this.#usePacked();
    for (const input of [byId('folder'), byId('idx-files')]) {
      input.onchange = () => {
        const files = filesOfInput(input);
        input.value = '';
        this.takeFiles(files);
      };
    }
    byId('train-form').onsubmit = (event) => {
      event.preventDefault();
      this.#go();
    };
    byId('train-anew').onclick = () => this.#forget();
    this.#usePacked();
  }

  /** Trains on these files from now on. */
  async takeFiles(files) {
    const tell = (done, all) => {
      byId('images-told').textContent = `Reading pictures: ${done} of ${all}…`;
    };
    byId('training').scrollIntoView({ block: 'nearest' });
    byId('images-told').textContent = `Reading ${files.length} files…`;
    await this.#take(() => datasetOfFiles(files, this.#data, tell));
    byId('use-packed').hidden = !this.#data.training.packed;
  }

  #usePacked() {
    byId('use-packed').hidden = true;
    if (this.#data.training.packed) return this.#take(() => packedDataset(this.#data));
    byId('images-told').textContent = 'This page holds no images to train on: give it some.';
    this.#showControls();
  }

  async #take(read) {
    this.#showTrouble(null);
    this.#forget();
    this.#dataset = null;
    this.#showControls();
    try {
      this.#dataset = await read();
      const { name, notes, train, validation, test } = this.#dataset;
      const count = (part) => part.len.toLocaleString('en');
      const tested = test ? `, ${count(test)} to test` : '';
      byId('images-told').replaceChildren(
        ...[named(name), `: ${count(train)} images to train on, ${count(validation)} to validate${tested}`],
      );
      byId('images-notes').replaceChildren(...notes.map((note) => element('p', 'small', note)));
    } catch (error) {
      byId('images-told').textContent = '';
      byId('images-notes').replaceChildren();
      this.#showTrouble(error);
    }
    this.#showControls();
  }

  /** Leaves a training: the next one begins anew. */
  #forget() {
    this.#training?.pause();
    this.#training?.close();
    this.#training = null;
    byId('train-state').hidden = true;
    this.#showControls();
  }

  /** What the button says: starts, pauses or goes on. */
  async #go() {
    if (this.#isRunning) return this.#training.pause();
    this.#training ??= this.#newTraining();
    if (!this.#training) return;
    const training = this.#training;
    this.#showTrouble(null);
    this.#isRunning = true;
    byId('train-state').hidden = false;
    this.#show(training);
    await training.run();
    this.#isRunning = false;
    if (training !== this.#training) return this.#showControls();
    const { state } = training;
    if (state.phase === 'failed') this.#showTrouble({ message: state.trouble, advice: state.advice });
    if (state.phase === 'done') {
      const models = state.models.map(({ name }) => training.trained(name));
      training.close();
      this.#showResults(models, state);
      for (const model of models) await this.#onTrained(model);
    }
    this.#show(training);
  }

  #newTraining() {
    const boxes = [...byId('train-models').querySelectorAll('input:checked')];
    const models = boxes.map((box) => box.value);
    if (!models.length) {
      this.#showTrouble(new Error('No model is chosen — choose one at least'));
      return null;
    }
    byId('train-results').replaceChildren();
    const options = {
      epochs: Number(byId('train-epochs').value),
      start: this.#data.models.length ? byId('train-start').value : 'scratch',
      models,
    };
    const training = new Training(this.#programs, this.#data, this.#dataset, options, () => this.#show(training));
    return training;
  }

  #showControls() {
    const state = this.#training?.state;
    const hasEnded = state?.phase === 'done' || state?.canGoOn === false;
    const go = byId('train-go');
    go.textContent = this.#isRunning ? 'Pause' : state ? 'Go on' : 'Start';
    go.disabled = !this.#dataset || hasEnded;
    byId('train-anew').hidden = this.#isRunning || !state;
    for (const input of byId('train-form').querySelectorAll('input, select')) input.disabled = Boolean(state);
    for (const id of ['choose-folder', 'choose-idx', 'use-packed']) byId(id).disabled = this.#isRunning;
  }

  #showTrouble(trouble) {
    const box = byId('train-trouble');
    box.hidden = !trouble;
    if (!trouble) return;
    const advice = (trouble.advice ?? []).map((step) => element('li', '', step));
    const message = element('p', '', `${trouble.message.replace(/\.$/, '')}.`);
    box.replaceChildren(message, ...(advice.length ? [element('ul', '', ...advice)] : []));
  }

  #show(training) {
    if (training !== this.#training) return;
    const { state } = training;
    this.#showControls();
    byId('train-phase').textContent = phaseText(state);
    const bars = state.models.map((model, index) => {
      const bar = element('progress', '');
      bar.max = model.epochs;
      bar.value = model.epoch + model.step / model.steps;
      bar.setAttribute('aria-label', `${model.name}: epochs`);
      const title = element('h3', '', named(model.name));
      return element('div', `learner c${index}`, title, bar, element('p', 'small', progressText(model)));
    });
    byId('train-progress').replaceChildren(...bars);
    byId('plots').replaceChildren(
      ...['loss', 'accuracy'].map((quantity) => {
        const title = quantity === 'loss' ? 'Loss' : 'Accuracy';
        const caption = element('figcaption', '', `${title}: thin in training, thick in validation`);
        return element('figure', '', plot(state.models, quantity, `${title} over the epochs`), caption);
      }),
    );
    const epochs = historyTable(state.models);
    byId('train-epochs-told').querySelector('div').replaceChildren(epochs);
    this.#tell(state);
  }

  /** What a screen reader says: each epoch, and each turn of events. */
  #tell({ phase, models, secondsLeft }) {
    const epochs = models.map(({ name, epoch }) => `${name}: ${epoch} epochs`).join(', ');
    const turn = ['training', 'validating'].includes(phase) ? 'training' : phase;
    if (this.#told === turn + epochs) return;
    this.#told = turn + epochs;
    const left = secondsLeft ? `, ${durationText(secondsLeft)} left` : '';
    byId('train-told').textContent = `${turn}; ${epochs}${left}`;
  }

  #showResults(models, { models: courses }) {
    const { class_names: classNames } = this.#data;
    const save = (text, click) => {
      const button = element('button', 'way', text);
      Object.assign(button, { type: 'button', onclick: click });
      return button;
    };
    const weights = models.map((model) =>
      save(`Download ${model.name}'s weights`, () => {
        download(`${model.name}.safetensors`, [safetensors(model, classNames)], 'application/octet-stream');
      }),
    );
    const history = save('Download history', () => download('history.csv', [historyCsv(courses)], 'text/csv'));
    const matrices = courses.filter(({ test }) => test).flatMap((model) => confusionOf(model, classNames));
    byId('train-results').replaceChildren(element('div', 'ways', ...weights, history), ...matrices);
  }
}
