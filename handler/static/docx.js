// A transcript -> a text document that Word, LibreOffice and Google Docs open. Source: ECMA-376, Office Open XML, part 1.

import { clock } from "./clock.js";
import { textOf } from "./edits.js";
import { zip } from "./zip.js";

const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const PACKAGE = "http://schemas.openxmlformats.org/package/2006";
const OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006";
const WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml";
const GREY = "666666";
// Whether the first letter of a text is of a script that is written so.
const RIGHT_TO_LEFT = /^\P{L}*[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

const TYPES =
  `${HEAD}<Types xmlns="${PACKAGE}/content-types">` +
  '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>' +
  `<Override PartName="/word/document.xml" ContentType="${WORD}.document.main+xml"/></Types>`;
const RELATIONS =
  `${HEAD}<Relationships xmlns="${PACKAGE}/relationships">` +
  `<Relationship Id="rId1" Type="${OFFICE}/relationships/officeDocument" Target="word/document.xml"/></Relationships>`;

/** Makes the document: a title, and the paragraphs with the moment each begins and who speaks. @returns {Blob} */
export function docx({ paragraphs }, title) {
  const body = [
    paragraph(run(title, '<w:b/><w:sz w:val="32"/>'), 240),
    ...paragraphs.map(({ speaker, words }) => {
      const time = paragraphs.length > 1 ? run(`${clock(words[0].start)}  `, `<w:color w:val="${GREY}"/>`) : "";
      const isRightToLeft = RIGHT_TO_LEFT.test(textOf(words));
      const text = run(textOf(words), isRightToLeft ? "<w:rtl/>" : "");
      return paragraph(time + (speaker && run(`${speaker}: `, "<w:b/>")) + text, 160, isRightToLeft);
    }),
  ];
  const document = `${HEAD}<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>${body.join("")}</w:body></w:document>`;
  const files = [["[Content_Types].xml", TYPES], ["_rels/.rels", RELATIONS], ["word/document.xml", document]];
  return zip(files, `${WORD}.document`);
}

// `after` is the space below, in twentieths of a point.
function paragraph(runs, after, isRightToLeft = false) {
  return `<w:p><w:pPr>${isRightToLeft ? "<w:bidi/>" : ""}<w:spacing w:after="${after}"/></w:pPr>${runs}</w:p>`;
}

function run(text, properties = "") {
  return `<w:r>${properties && `<w:rPr>${properties}</w:rPr>`}<w:t xml:space="preserve">${escaped(text)}</w:t></w:r>`;
}

function escaped(text) {
  // XML has no place for control characters, not even as references.
  const printable = text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, "");
  return printable.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
