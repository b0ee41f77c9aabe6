const rows = [...document.querySelectorAll(".row")];
for (const row of rows) for (const box of row.querySelectorAll("textarea")) box.dataset.before = box.value;
function changed(row) {
  return !row.querySelector(".keep").checked || [...row.querySelectorAll("textarea")].some(box => box.value !== box.dataset.before);
}
function look() {
  for (const row of rows) row.classList.toggle("dropped", !row.querySelector(".keep").checked);
  document.getElementById("count").textContent = rows.filter(changed).length + " rows changed";
}
document.addEventListener("input", look);
look();
document.getElementById("save").onclick = () => {
  const lines = rows.filter(changed).map(row => {
    if (!row.querySelector(".keep").checked) return JSON.stringify({id: row.dataset.id, drop: true});
    const thought = row.querySelector(".thought");
    const line = {id: row.dataset.id, content: row.querySelector(".answer").value};
    if (thought) line.reasoning_content = thought.value;
    return JSON.stringify(line);
  });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(lines.map(line => line + "\n"), {type: "application/jsonl"}));
  link.download = "review.jsonl";
  link.click();
};
