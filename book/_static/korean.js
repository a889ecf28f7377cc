// Labels that the theme, the notebook cells and the copy button leave out or write in English only.
Object.assign(messages.en, {
  copy: "복사",
  copy_to_clipboard: "클립보드에 복사",
  copy_success: "복사했다",
  copy_failure: "복사하지 못했다",
});

// The first change of state comes before the theme turns titles into tooltips.
document.addEventListener(
  "readystatechange",
  () => {
    const label = (selector, attribute, text) =>
      document.querySelectorAll(selector).forEach((element) => element.setAttribute(attribute, text));
    label("button.sidebar-toggle.primary-toggle", "title", "전체 차례");
    label("button.sidebar-toggle.secondary-toggle", "title", "이 쪽의 차례");
    label("nav.bd-docs-nav", "aria-label", "전체 차례");
    label("nav summary", "aria-label", "하위 차례 펼치기 또는 접기");
    label("summary[aria-label]:not(nav *)", "aria-label", "코드 보기 또는 숨기기");
    // The role that docutils writes is deprecated, and screen readers take such a list for empty.
    label('[role="doc-biblioentry"]', "role", "listitem");
  },
  { once: true },
);

// What scrolls can be reached by keyboard (the theme sees to tables alone).
addEventListener("load", () =>
  document.querySelectorAll(".bd-article :is(figure, .cell_output)").forEach((box) => {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }),
);
