// Pictures from files, as pixels.

/**
 * A picture, upright.
 * @typedef {{name: string, rgba: Uint8ClampedArray, width: number, height: number, shown: HTMLCanvasElement}} Picture
 */

// Larger pictures are scaled down: no model sees that much of them, and a canvas may not hold them.
const LONGEST_SIDE = 4096;
const MOST_FILE_BYTES = 200e6;
// Of the picture as it is shown beside its result, twice as many as on a plain screen.
const SHOWN_SIDE = 320;

/**
 * Reads a picture's file; throws an error for the user.
 * @param {File} file
 * @returns {Promise<Picture>}
 */
export async function readPicture(file) {
  const { name } = file;
  if (file.size > MOST_FILE_BYTES) {
    throw new Error(`“${name}” is too large: use a picture of less than ${MOST_FILE_BYTES / 1e6} MB.`);
  }
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, {
      imageOrientation: 'from-image',
      premultiplyAlpha: 'none',
      colorSpaceConversion: 'none',
    });
  } catch {
    throw new Error(
      file.type.startsWith('image/')
        ? `“${name}” is damaged, too large, or of a kind that this browser does not read: save it anew as PNG or JPEG.`
        : `“${name}” is no picture that this browser reads: use a PNG or JPEG.`,
    );
  }
  try {
    return pictureOf(bitmap, bitmap, name);
  } catch {
    throw new Error(`“${name}” is too large for this browser (${bitmap.width} × ${bitmap.height}): scale it down.`);
  } finally {
    bitmap.close();
  }
}

/**
 * What an image, a video or a canvas of that size shows.
 * @returns {Picture}
 */
export function pictureOf(source, { width, height }, name) {
  const canvas = scaledCanvas(source, { width, height }, LONGEST_SIDE);
  const pixels = canvas.getContext('2d', { willReadFrequently: true }).getImageData(0, 0, canvas.width, canvas.height);
  return {
    name,
    rgba: pixels.data,
    width: canvas.width,
    height: canvas.height,
    shown: scaledCanvas(canvas, canvas, SHOWN_SIDE),
  };
}

/** A canvas that shows the source, scaled down until no side is longer than `longest`. */
function scaledCanvas(source, { width, height }, longest) {
  const scale = Math.min(1, longest / Math.max(width, height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.imageSmoothingQuality = 'high';
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}
