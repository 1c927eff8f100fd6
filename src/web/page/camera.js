// A picture from the camera.

import { pictureOf } from './pictures.js';

const CAMERA_TROUBLES = {
  NotAllowedError: 'This page may not use the camera: allow it beside the address, and press Photograph twice.',
  NotFoundError: 'No camera was found: plug one in, or choose a picture.',
  NotReadableError: 'The camera is in use: close the program that uses it, and press Photograph twice.',
};

/** Lets the button open and close the camera; `took` is called with each picture taken. */
export function setUpCamera(button, took) {
  const [panel, video, take, trouble] = ['camera', 'video', 'take', 'camera-trouble'].map((id) =>
    document.getElementById(id),
  );

  const stop = (stream) => stream?.getTracks().forEach((track) => track.stop());

  const close = () => {
    stop(video.srcObject);
    video.srcObject = null;
    take.disabled = true;
  };

  const open = async () => {
    trouble.hidden = true;
    video.hidden = false;
    try {
      if (!navigator.mediaDevices) {
        throw new Error('Browsers give a page the camera only if it came over https or was opened from the disk.');
      }
      const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
      // Closed before the camera was there, and maybe opened again.
      if (panel.hidden || video.srcObject) return stop(stream);
      video.srcObject = stream;
      await video.play();
      take.disabled = false;
      take.focus();
    } catch (error) {
      close();
      video.hidden = true;
      trouble.textContent = CAMERA_TROUBLES[error.name] ?? `The camera does not work. ${error.message}`;
      trouble.hidden = false;
    }
  };

  button.onclick = () => {
    panel.hidden = !panel.hidden;
    button.setAttribute('aria-expanded', !panel.hidden);
    return panel.hidden ? close() : open();
  };
  take.onclick = () => {
    took(pictureOf(video, { width: video.videoWidth, height: video.videoHeight }, 'Photograph'));
  };
}
