// The training part of the page at work: what is trained on, the controls, what is shown.

import { plot } from './curves.js';
import { datasetOfFiles, packedDataset } from './dataset.js';
import { openGpu } from './device.js';
import { historyTable, phaseText, progressText, reached, resultsOf } from './train_view.js';
import { Training } from './training.js';
import { element, named } from './view.js';

/**
 * Sets the part up. `onTrained(models, reached)` is called with the models of a training that has
 * ended, and what they reached in words.
 * @param {object} data the page's
 * @param {Promise<object>} programs what `decodePrograms` promises
 * @returns {{takeFiles: (files: {path: string, file: File}[]) => Promise<void>}}
 */
export function setUpTraining(data, programs, onTrained) {
  return new TrainingPart(data, programs, onTrained);
}

const ANEW = 'Start anew';

const byId = (id) => document.getElementById(id);

/** How far a model is. */
function barOf({ name, color }) {
  const bar = Object.assign(element('progress', ''), { ariaLabel: `${name}: progress` });
  return element('div', `learner c${color}`, element('h3', '', named(name)), bar, element('p', 'small'));
}

class TrainingPart {
  #data;
  #programs;
  #onTrained;
  #dataset = null;
  // Whether that is what the page itself holds.
  #isPacked = true;
  #training = null;
  #isRunning = false;
  #isPausing = false;
  // The latest reading of images: what others come to does not count.
  #reading = null;
  #told = '';
  // Models whose weights nobody has downloaded.
  #unsaved = new Set();

  constructor(data, programs, onTrained) {
    this.#data = data;
    this.#programs = programs;
    this.#onTrained = onTrained;
    const { training, models } = data;
    byId('train-models').append(
      ...training.models.map(({ name }) => {
        const box = Object.assign(element('input', ''), { type: 'checkbox', value: name, checked: true });
        return element('label', '', box, ' ', named(name));
      }),
    );
    byId('train-models').hidden = training.models.length < 2;
    const { recipe, batch_size: batch } = training;
    byId('train-how').textContent = `Recipe ${recipe}, whole batches of ${batch} images.`;
    Object.assign(byId('train-epochs'), { max: Math.max(1000, training.epochs), value: training.epochs });
    byId('train-start-label').hidden = models.length === 0;
    byId('choose-folder').onclick = () => byId('folder').click();
    byId('choose-idx').onclick = () => byId('idx-files').click();
    byId('use-packed').onclick = () => this.#isFree() && this.#usePacked();
    for (const input of [byId('folder'), byId('idx-files')]) {
      input.onchange = () => {
        const files = [...input.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
        input.value = '';
        this.takeFiles(files);
      };
    }
    byId('train-form').onsubmit = (event) => {
      event.preventDefault();
      this.#go();
    };
    byId('train-anew').onblur = ({ target }) => {
      target.textContent = ANEW;
    };
    byId('train-anew').onclick = ({ target, detail }) => {
      // The second click of two is no answer to the first.
      if (detail > 1) return;
      if (this.#hasLearned() && target.textContent === ANEW) {
        target.textContent = 'Forget what was learned?';
        return;
      }
      this.#showTrouble(null);
      this.#forget();
      byId('train-go').focus();
    };
    addEventListener('beforeunload', (event) => {
      // What was learned would be gone.
      if (this.#training && (this.#training.state.phase !== 'done' || this.#unsaved.size)) event.preventDefault();
    });
    this.#usePacked();
    // Told before anything is chosen in vain.
    openGpu({}).then(
      ({ device }) => device.destroy(),
      // Whoever came to predict is not to be interrupted by it.
      ({ message, advice }) => this.#showTrouble({ message: `Training needs the GPU. ${message}`, advice }, 'note'),
    );
  }

  /** Trains on these files from now on. */
  async takeFiles(files) {
    byId('training').scrollIntoView({ block: 'nearest' });
    if (!this.#isFree()) return;
    byId('images-told').textContent = `Reading ${files.length} files…`;
    await this.#take(false, (tell) => datasetOfFiles(files, this.#data, tell));
  }

  #hasLearned() {
    return this.#training?.state.models.some(({ history }) => history.length);
  }

  /** Whether there is no training that other images would end; says so if there is. */
  #isFree() {
    const hint = this.#isRunning ? 'A training is running — pause it first' : 'What was learned is still here';
    const isFree = !this.#isRunning && !this.#hasLearned();
    if (!isFree) this.#showTrouble(new Error(`${hint}: “${ANEW}” forgets it, then give the page other images`));
    return isFree;
  }

  /** What goes wrong elsewhere, where this is the part that is seen. */
  refuse(message) {
    byId('training').scrollIntoView({ block: 'nearest' });
    this.#showTrouble({ message });
  }

  #usePacked() {
    if (this.#data.training.packed) return this.#take(true, () => packedDataset(this.#data));
    byId('images-told').textContent = 'This page holds no images to train on: give it some.';
    this.#showControls();
  }

  async #take(isPacked, read) {
    this.#showTrouble(null);
    const reading = (this.#reading = {});
    this.#showControls();
    const isLatest = () => this.#reading === reading;
    const tell = (done, all) => {
      if (!isLatest()) throw new Error('Other images are read now');
      byId('images-told').textContent = `Reading pictures: ${done} of ${all}…`;
    };
    try {
      const dataset = await read(tell);
      if (!isLatest()) return;
      this.#forget();
      this.#dataset = dataset;
      this.#isPacked = isPacked;
    } catch (error) {
      if (!isLatest()) return;
      this.#showTrouble(error);
    }
    this.#reading = null;
    this.#showDataset();
    this.#showControls();
  }

  #showDataset() {
    const hadFocus = document.activeElement === byId('use-packed');
    byId('use-packed').hidden = this.#isPacked || !this.#data.training.packed;
    if (hadFocus && this.#isPacked) byId('choose-folder').focus();
    if (!this.#dataset) {
      byId('images-told').textContent = '';
      byId('images-notes').replaceChildren();
      return;
    }
    const { name, notes, train, validation, test } = this.#dataset;
    const count = (part) => part.len.toLocaleString('en');
    const tested = test ? `, ${count(test)} to test` : '';
    const said = `: ${count(train)} images to train on, ${count(validation)} to validate${tested}`;
    byId('images-told').replaceChildren(named(name), said);
    byId('images-notes').replaceChildren(...notes.map((note) => element('p', 'small', note)));
    byId('train-told').textContent = byId('images-told').textContent;
  }

  /** Leaves a training: the next one begins anew. */
  #forget() {
    this.#training?.close();
    this.#training = null;
    this.#unsaved.clear();
    byId('train-state').hidden = true;
    byId('train-results').replaceChildren();
    this.#showControls();
  }

  /** What the button says: starts, pauses or goes on. */
  async #go() {
    if (this.#isRunning) {
      this.#isPausing = true;
      this.#showControls();
      return this.#training.pause();
    }
    this.#training ??= this.#newTraining();
    if (!this.#training) return;
    const training = this.#training;
    this.#showTrouble(null);
    [this.#isRunning, this.#isPausing] = [true, false];
    byId('train-state').hidden = false;
    try {
      this.#show(training);
      await training.run();
    } finally {
      this.#isRunning = false;
    }
    const { state } = training;
    // Where nothing was kept, nothing goes on.
    if (state.phase === 'failed' && state.canGoOn && !state.isKept) this.#forget();
    this.#show(training);
    if (state.trouble) this.#showTrouble({ message: state.trouble, advice: state.advice });
    // Those that have no epoch behind them have learned nothing yet.
    const learned = state.models.filter(({ history }) => history.length);
    const models = learned.map(({ name }) => training.trained(name));
    if (models.length) this.#showResults(models, state);
    if (state.phase !== 'done') return;
    training.close();
    await this.#onTrained(models, state.models.map(reached).join(', '));
  }

  #newTraining() {
    const models = [...byId('train-models').querySelectorAll('input:checked')].map((box) => box.value);
    if (!models.length) {
      this.#showTrouble(new Error('No model is chosen — choose one at least'));
      return null;
    }
    const options = {
      epochs: Number(byId('train-epochs').value),
      start: this.#data.models.length ? byId('train-start').value : 'scratch',
      models,
    };
    const training = new Training(this.#programs, this.#data, this.#dataset, options, () => {
      this.#show(training);
      // In a pause too the GPU can be lost.
      const { trouble, advice } = training.state;
      if (trouble && !this.#isRunning) this.#showTrouble({ message: trouble, advice });
    });
    byId('train-progress').replaceChildren(...training.state.models.map(barOf));
    return training;
  }

  #showControls() {
    const state = this.#training?.state;
    const hasEnded = !this.#isRunning && (state?.phase === 'done' || state?.canGoOn === false);
    const go = byId('train-go');
    const hadFocus = document.activeElement === go;
    const pause = this.#isPausing ? 'Pausing…' : 'Pause';
    go.textContent = this.#isRunning ? pause : state ? 'Go on' : 'Start';
    go.disabled = !this.#dataset || Boolean(this.#reading) || hasEnded;
    go.hidden = hasEnded;
    byId('train-anew').hidden = this.#isRunning || !state;
    byId('train-anew').textContent = ANEW;
    if (hasEnded && hadFocus) byId('train-anew').focus();
    for (const input of byId('train-form').querySelectorAll('input, select')) input.disabled = Boolean(state);
    for (const id of ['choose-folder', 'choose-idx', 'use-packed']) byId(id).disabled = this.#isRunning;
  }

  #showTrouble(trouble, role = 'alert') {
    const box = byId('train-trouble');
    box.role = role;
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
    state.models.forEach((model, index) => {
      const [, bar, text] = byId('train-progress').children[index].children;
      bar.value = (model.epoch + model.step / model.steps) / model.epochs;
      text.textContent = progressText(model);
    });
    byId('plots').replaceChildren(
      ...['Loss', 'Accuracy'].map((title) => {
        const keys = state.models.flatMap(({ name, color }) => [element('span', `key c${color}`), named(name)]);
        const caption = element('figcaption', '', `${title}, thin in training, thick in validation:`, ...keys);
        const label = `${title} over the epochs: in numbers under “Each epoch”`;
        return element('figure', '', plot(state.models, title.toLowerCase(), label), caption);
      }),
    );
    const epochs = state.models.reduce((sum, { history }) => sum + history.length, 0);
    const told = byId('train-epochs-told');
    told.hidden = !epochs;
    if (epochs !== told.querySelectorAll('tbody tr').length) {
      told.querySelector('div').replaceChildren(historyTable(state.models));
    }
    this.#tell(state);
  }

  /** What a screen reader says: each epoch, and each turn of events. */
  #tell(state) {
    const epochs = state.models.map(({ name, epoch, epochs }) => `${name} ${epoch} of ${epochs} epochs`).join(', ');
    const turn = state.phase === 'validating' ? 'training' : state.phase;
    if (this.#told === turn + epochs) return;
    this.#told = turn + epochs;
    byId('train-told').textContent = `${phaseText(state)}. ${epochs}`;
  }

  #showResults(models, { models: courses }) {
    this.#unsaved = new Set(models.map(({ name }) => name));
    const results = resultsOf(models, courses, this.#data.class_names, (name) => this.#unsaved.delete(name));
    byId('train-results').replaceChildren(...results);
  }
}
