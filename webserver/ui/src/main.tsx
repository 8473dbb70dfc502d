// Starts the page.

import { render } from 'preact';
import { App } from './app.tsx';
import { Store } from './store.ts';
import './style/base.css';
import './style/cluster.css';
import './style/keys.css';

const page = document.getElementById('page');
if (page !== null) {
  const url = new URL('./feed', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.search = '';
  url.hash = '';
  render(<App store={new Store(url.href)} />, page);
}
