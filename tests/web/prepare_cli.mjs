// Prepares pictures as the page does, for check_prepare.py: a list of jobs comes in as JSON, one of answers goes out.

import { readFileSync, writeFileSync } from 'node:fs';
import { prepare } from '../../src/web/page/prepare.js';

function answer({ rgba, width, height, shape, resize, out }) {
  try {
    const { pixels, notes } = prepare({ rgba: readFileSync(rgba), width, height }, shape, resize);
    writeFileSync(out, pixels);
    return { notes };
  } catch (error) {
    return { error: error.message };
  }
}

const jobs = JSON.parse(readFileSync(0, 'utf8'));
console.log(JSON.stringify(jobs.map(answer)));
