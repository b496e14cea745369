// Before the first paint; a file of its own because the content security policy allows no inline script.
(function (d) {
  try { d.theme = localStorage.getItem('mullion.theme') || ''; d.density = localStorage.getItem('mullion.density') || ''; } catch (e) { d.theme = ''; }
})(document.documentElement.dataset);
