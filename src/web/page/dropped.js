// Files and folders that were dropped.

/** All files of what was dropped, those in folders too. @returns {Promise<{path: string, file: File}[]>} */
export async function droppedFiles({ items, files }) {
  // What was dropped is there during the event only.
  const entries = [...items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...files].map((file) => ({ path: file.name, file }));
  const found = [];
  const visit = async (entry) => {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      found.push({ path: entry.fullPath, file });
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      // A hundred at a time.
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) return;
      for (const child of some) await visit(child);
    }
  };
  for (const entry of entries) await visit(entry);
  return found;
}
