/**
 * What a page adds where scripts run: a click on a card shows it alone, a second one or Escape shows everything again; and a
 * field searches the tables. It holds no `<` and no `&`: the page is XML, too.
 */
export const pageScript = `'use strict';
const chosen = () => { try { return decodeURIComponent(location.hash.slice(1)); } catch { return ''; } };
const show = (name) => { location.hash = name === chosen() ? '_all' : encodeURIComponent(name); };
const told = document.getElementById('_shown');
const tell = () => { told.textContent = 'Only what has to do with ' + chosen() + '.'; };
document.addEventListener('click', (event) => {
  const link = event.target.closest('a');
  if (link) {
    if (link.hash !== location.hash || link.hash === '#_all') return;
    event.preventDefault();
    show('_all');
    return;
  }
  const card = event.target.closest('[data-name]');
  if (card === null || String(getSelection()) !== '') return;
  show(card.dataset.name);
});
document.addEventListener('keydown', (event) => { if (event.key === 'Escape') show('_all'); });
addEventListener('hashchange', tell);
tell();
const search = document.getElementById('_search');
search.hidden = false;
search.querySelector('input').addEventListener('input', (event) => {
  const wanted = event.target.value.toLowerCase();
  for (const row of document.querySelectorAll('tbody tr')) row.hidden = !row.textContent.toLowerCase().includes(wanted);
});
`;
