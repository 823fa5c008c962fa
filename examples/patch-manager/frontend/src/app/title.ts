/** The tab's title and icon: the page's name, and how many jobs wait. */

let page = '';
let waiting = 0;

/** Names the page in the tab's title. */
export function setPageTitle(title: string): void {
  page = title;
  show();
}

/** Shows how many jobs wait in the tab's title and on its icon; 0 shows neither. */
export function setWaitingJobs(jobs: number): void {
  if (jobs === waiting) return;
  waiting = jobs;
  show();
  const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  if (icon !== null) icon.href = jobs === 0 ? PLAIN_ICON : badged(jobs);
}

function show(): void {
  const parts = [page, 'Patch manager'].filter((part) => part !== '');
  document.title = `${waiting > 0 ? `(${waiting}) ` : ''}${parts.join(' · ')}`;
}

const PLAIN_ICON = '/favicon.svg';

/** The icon with a number in its corner; from ten on, "9+". */
function badged(jobs: number): string {
  const text = jobs > 9 ? '9+' : String(jobs);
  const width = jobs > 9 ? 22 : 17;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect width="32" height="32" rx="8" fill="#2457c5"/>
<path d="M7 17h4.5l2.5-7 4 12 2.5-5H25" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/>
<rect x="${32 - width}" y="15" width="${width}" height="17" rx="6" fill="#8f5600" stroke="#fff" stroke-width="1.5"/>
<text x="${32 - width / 2}" y="28" text-anchor="middle" font-family="sans-serif" font-size="13" font-weight="700" fill="#fff">${text}</text>
</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
