// Questions to the service. An answer is JSON; a fault is an Error with the service's own words.

export async function ask(path, parameters = {}) {
  return (await request(path, parameters)).json();
}

export async function askBytes(path, parameters = {}) {
  return (await request(path, parameters)).arrayBuffer();
}

export async function send(path, question) {
  return (await request(path, {}, { method: "POST", body: JSON.stringify(question), headers: { "content-type": "application/json" } })).json();
}

export const itemPath = (key) => `/items/${encodeURIComponent(key)}`;

async function request(path, parameters, options = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const query = new URLSearchParams(given).toString();
  const response = await fetch(query ? `${path}?${query}` : path, options).catch(() => {
    throw Object.assign(new Error("The service does not answer. Is it still running, and is the network there?"), { again: true });
  });
  if (response.ok) return response;
  const fault = await response.json().catch(() => ({ detail: `The service failed: ${response.status} ${response.statusText}` }));
  throw Object.assign(new Error(fault.detail), { again: response.status >= 500 });
}
