// Labels of a plot that lie on each other or beyond its edge, and a page that must be scrolled sideways.
addEventListener('load', () => {
  const wrong = [];
  let labels = 0;
  if (document.documentElement.scrollWidth > innerWidth) {
    wrong.push(`the page is ${document.documentElement.scrollWidth} wide`);
  }
  for (const plot of document.querySelectorAll('svg.plot')) {
    const edge = plot.getBoundingClientRect();
    if (edge.width === 0) continue;
    const seen = [...plot.querySelectorAll('text')].filter((text) => !text.closest('.at'));
    const boxes = seen.map((text) => [text.textContent, text.getBoundingClientRect()]);
    labels += boxes.length;
    boxes.forEach(([text, box], at) => {
      if (box.left < edge.left - 1 || box.right > edge.right + 1 || box.top < edge.top - 1 || box.bottom > edge.bottom + 1) {
        wrong.push(`${text} is cut off`);
      }
      for (const [other, its] of boxes.slice(at + 1)) {
        // The boxes of letters are higher than the letters.
        const apart = box.right <= its.left || its.right <= box.left || box.bottom - 4 <= its.top || its.bottom - 4 <= box.top;
        if (!apart) wrong.push(`${text} lies on ${other}`);
      }
    });
  }
  document.title = wrong.length > 0 ? wrong.join('; ') : `nothing wrong with ${labels} labels`;
});
