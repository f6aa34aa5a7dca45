-- Opens a Dockerfile that was built before, and expects: every step cached; after an edit that is not saved, the edited step
-- and those after it rerun; a mistake gives a diagnostic at once. Exit status 0 when all holds.
local function hints()
  local found = {}
  for _, h in ipairs(vim.lsp.inlay_hint.get({ bufnr = 0 })) do
    local label = h.inlay_hint.label
    found[h.inlay_hint.position.line + 1] = type(label) == 'string' and label or label[1].value
  end
  return found
end

local function expect(what, holds)
  if not vim.wait(20000, holds, 20) then
    io.stderr:write('FAILED: ' .. what .. '\n  hints: ' .. vim.inspect(hints()) .. '\n  diagnostics: '
      .. vim.inspect(vim.diagnostic.get(0)) .. '\n')
    vim.cmd('cquit 1')
  end
  io.stdout:write('ok: ' .. what .. '\n')
end

local function line_of(pattern)
  for n, line in ipairs(vim.api.nvim_buf_get_lines(0, 0, -1, false)) do
    if line:find(pattern) then return n end
  end
  error('no line ' .. pattern)
end

local run, copy = line_of('^RUN'), line_of('^COPY')
expect('all steps are cached', function()
  local h = hints()
  return h[run] and h[run]:find('^cached') and h[copy] and h[copy]:find('^cached')
end)
local text = vim.api.nvim_buf_get_lines(0, run - 1, run, false)[1]
vim.api.nvim_buf_set_lines(0, run - 1, run, false, { text .. ' # changed' })
expect('the edited step reruns, unsaved', function()
  local h = hints()
  return h[run] and h[run]:find('^reruns') and h[copy] and h[copy]:find('^cached')
end)
vim.api.nvim_buf_set_lines(0, -1, -1, false, { 'RUNN oops' })
expect('a mistake has a diagnostic', function()
  for _, d in ipairs(vim.diagnostic.get(0)) do
    if d.message:find('unknown instruction') then return true end
  end
end)
vim.cmd('qall!')
