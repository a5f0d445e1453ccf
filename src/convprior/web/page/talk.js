// Asks the server; what goes wrong is an Error with one line for the user.

export class Gone extends Error {}

async function ask(address, options) {
  let answer;
  try {
    answer = await fetch(address, options);
  } catch {
    throw new Gone("The server has stopped. Start convprior paint again; what was not saved is gone.");
  }
  if (answer.ok) return answer;
  const said = await answer.text();
  let line = said;
  try { line = JSON.parse(said).error; } catch { /* it is plain text */ }
  throw Object.assign(new Error(line), { status: answer.status });
}

export const get = async (address) => (await ask(address)).json();
export const bytes = async (address) => new Uint8Array(await (await ask(address)).arrayBuffer());
export const picture = async (address) => createImageBitmap(await (await ask(address)).blob());
export const send = async (address, body) =>
  (await ask(address, { method: "POST", body })).json();
export const say = (address, what = {}) => send(address, JSON.stringify(what));
