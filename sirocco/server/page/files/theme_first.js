// Before the first paint, so that a page that was chosen to be dark doesn't begin light. No module: those wait for the document.
try {
  const theme = localStorage.getItem('sirocco.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // The system's own.
}
