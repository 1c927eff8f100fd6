// A picture that is drawn.

import { pictureOf } from './pictures.js';

const PAPER_SIDE = 448;

/**
 * Lets the button open the paper, which has the models' shape; `drew` is called with the drawing after each stroke,
 * `cleared` when the next one starts.
 */
export function setUpDrawing(button, { width, height }, isNegative, { drew, cleared }) {
  const [panel, paper, pen, clear] = ['drawing', 'paper', 'pen', 'clear'].map((id) => document.getElementById(id));
  const scale = PAPER_SIDE / Math.max(width, height);
  paper.width = Math.round(width * scale);
  paper.height = Math.round(height * scale);
  const context = paper.getContext('2d', { willReadFrequently: true });
  const [ink, ground] = isNegative ? ['#fff', '#000'] : ['#000', '#fff'];
  let last = null;

  const wipe = () => {
    context.fillStyle = ground;
    context.fillRect(0, 0, paper.width, paper.height);
  };

  const lineTo = (event) => {
    const box = paper.getBoundingClientRect();
    const point = [
      ((event.clientX - box.left) / box.width) * paper.width,
      ((event.clientY - box.top) / box.height) * paper.height,
    ];
    context.strokeStyle = ink;
    context.lineWidth = pen.value;
    context.lineCap = 'round';
    context.beginPath();
    context.moveTo(...(last ?? point));
    context.lineTo(...point);
    context.stroke();
    last = point;
  };

  const lift = () => {
    if (!last) return;
    last = null;
    drew(pictureOf(paper, paper, 'Drawing'));
  };

  paper.onpointerdown = (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    paper.setPointerCapture(event.pointerId);
    lineTo(event);
  };
  paper.onpointermove = (event) => {
    if (!last || !event.isPrimary) return;
    const between = event.getCoalescedEvents?.() ?? [];
    (between.length ? between : [event]).forEach(lineTo);
  };
  paper.onpointerup = lift;
  paper.onpointercancel = lift;
  clear.onclick = () => {
    wipe();
    cleared();
  };
  button.onclick = () => {
    panel.hidden = !panel.hidden;
    button.setAttribute('aria-expanded', !panel.hidden);
  };
  wipe();
}
