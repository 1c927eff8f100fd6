// Frames round a picture, as src/predict/frame.rs takes them off: lines drawn round it, a card's margin, bars, the
// edge of a scan. A frame's lines are each of one shade, and after the last one there is a step nearly all along it.

const THICKEST_FRAME = 0.2;
const LINE_SAMPLES = 256;
const FRAME_SHADE = 16;
const FRAME_STEP = 10;

/**
 * What lies inside of all frames; the whole picture if there is none.
 * @param {import('./resample.js').Raster} luma
 */
export function insideOfFrames(luma) {
  const area = { columns: { start: 0, end: luma.width }, rows: { start: 0, end: luma.height } };
  const sides = ['left', 'top', 'right', 'bottom'];
  // Twice, as thick bars at one side hide what is at the next.
  for (const side of [...sides, ...sides]) {
    const span = side === 'left' || side === 'right' ? area.columns : area.rows;
    let lines;
    while ((lines = frameLines(luma, area, side))) {
      if (side === 'left' || side === 'top') {
        span.start += lines;
      } else {
        span.end -= lines;
      }
    }
  }
  return area;
}

/** Number of lines that frame `area` at this side. */
function frameLines(luma, { columns, rows }, side) {
  const { pixels, width, height } = luma;
  const column = (x) => spreadOver(rows).map((y) => pixels[y * width + x]);
  const row = (y) => spreadOver(columns).map((x) => pixels[y * width + x]);
  // What is gone already, how much there was, and the line so deep in the area.
  const [gone, whole, line] = {
    left: [columns.start, width, (depth) => column(columns.start + depth)],
    top: [rows.start, height, (depth) => row(rows.start + depth)],
    right: [width - columns.end, width, (depth) => column(columns.end - 1 - depth)],
    bottom: [height - rows.end, height, (depth) => row(rows.end - 1 - depth)],
  }[side];
  const thickest = Math.floor(whole * THICKEST_FRAME) - gone;
  let outer = line(0);
  for (let depth = 1; depth <= thickest && isOfOneShade(outer); depth++) {
    const inner = line(depth);
    if (isStep(outer, inner)) {
      return depth;
    }
    outer = inner;
  }
  return 0;
}

/** Places along a line. */
function spreadOver({ start, end }) {
  const count = Math.min(end - start, LINE_SAMPLES);
  return Array.from({ length: count }, (_, index) => start + Math.floor((index * (end - start)) / count));
}

function isOfOneShade(line) {
  const median = Uint8Array.from(line).sort()[line.length >> 1];
  return isMostOf(line, (shade) => Math.abs(shade - median) <= FRAME_SHADE);
}

/** Whether most pixels change by much, all in one direction. */
function isStep(outer, inner) {
  return (
    isMostOf(outer, (shade, index) => inner[index] - shade >= FRAME_STEP) ||
    isMostOf(outer, (shade, index) => shade - inner[index] >= FRAME_STEP)
  );
}

/** Two of three: the rest may be where the frame is round, or an object touches it. */
function isMostOf(line, is) {
  return 3 * line.filter(is).length >= 2 * line.length;
}
