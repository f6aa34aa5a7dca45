-- Opens a Dockerfile that was built before. Every step is cached; after an edit that is not saved the edited step and all
-- below it rerun; undone, all are cached again; a mistake has a diagnostic at once, and a fix; hover, completion and lenses
-- are there; a build that a command starts turns its steps to cached. Says `passed` when all holds.
local function hints()
  local found = {}
  for _, h in ipairs(vim.lsp.inlay_hint.get({ bufnr = 0 })) do
    local label = h.inlay_hint.label
    found[h.inlay_hint.position.line + 1] = type(label) == 'string' and label or label[1].value
  end
  return found
end

local function expect(what, holds)
  if not vim.wait(60000, holds, 20) then
    io.stderr:write('FAILED: ' .. what .. '\n  hints: ' .. vim.inspect(hints()) .. '\n  diagnostics: '
      .. vim.inspect(vim.diagnostic.get(0)) .. '\n')
    vim.cmd('cquit 1')
  end
  io.stdout:write('ok: ' .. what .. '\n')
end

local function lines()
  return vim.api.nvim_buf_get_lines(0, 0, -1, false)
end

local function line_of(pattern)
  for n, line in ipairs(lines()) do
    if line:find(pattern) then return n end
  end
  error('no line ' .. pattern)
end

-- Every line with a step: those that are neither blank, comment nor CMD.
local function steps()
  local found = {}
  for n, line in ipairs(lines()) do
    if line:find('^%u') and not line:find('^CMD') and not line:find('^FROM') then table.insert(found, n) end
  end
  return found
end

-- Whether each step's hint begins with `above`, from line `border` on with `below`.
local function all(above, border, below)
  return function()
    local h = hints()
    for _, n in ipairs(steps()) do
      local wanted = n < border and above or below
      if not (h[n] and h[n]:find('^' .. wanted)) then return false end
    end
    return true
  end
end

expect('all steps are cached', all('cached', 1, 'cached'))
expect('the base image is here', function() return (hints()[line_of('^FROM')] or ''):find('^in the store') end)

local edited = line_of('^RUN mkdir')
local text = lines()[edited]
vim.api.nvim_buf_set_lines(0, edited - 1, edited, false, { text .. ' /blog/drafts' })
expect('the edited step and those below rerun, unsaved', all('cached', edited, 'r[eu]'))
expect('the file is not saved', function() return vim.bo.modified end)

vim.api.nvim_buf_set_lines(0, edited - 1, edited, false, { text })
expect('undone, all steps are cached again', all('cached', 1, 'cached'))

local function edit(line)
  vim.api.nvim_buf_set_lines(0, edited - 1, edited, false, { line })
end

local function diagnosed(pattern)
  return function()
    for _, d in ipairs(vim.diagnostic.get(0)) do
      if d.lnum + 1 == edited and d.message:find(pattern) then return true end
    end
  end
end

edit((text:gsub('^RUN', 'RUNN')))
expect('a mistake has a diagnostic on its line', diagnosed('unknown instruction'))
edit(text)

-- The first answer to a request about a place on the edited line.
local function ask(method, column, more)
  local where = { textDocument = vim.lsp.util.make_text_document_params(), position = { line = edited - 1, character = column } }
  local answers = vim.lsp.buf_request_sync(0, method, vim.tbl_extend('force', where, more or {}), 20000)
  return select(2, next(answers or {})).result
end

expect('hover tells the forecast and what RUN is', function()
  local hover = ask('textDocument/hover', 1)
  return hover and hover.contents.value:find('next build') and hover.contents.value:find('RUN')
end)

vim.api.nvim_win_set_cursor(0, { line_of('^FROM'), 0 })
expect('a lens above FROM sums the build up', function()
  for _, lens in ipairs(vim.lsp.codelens.get(0)) do
    if lens.command and lens.command.title:find('^next build: %d+ of %d+ cached') then return true end
  end
end)

edit('RUN --mo')
expect('completion knows the flags', function()
  local found = ask('textDocument/completion', 8)
  for _, item in ipairs(found and (found.items or found) or {}) do
    if item.label:find('^%-%-mount') then return true end
  end
end)

edit((text:gsub('^RUN', 'run')))
expect('a finding has a diagnostic', diagnosed('should match the case'))
vim.api.nvim_win_set_cursor(0, { edited, 0 })
vim.lsp.buf.code_action({
  apply = true,
  context = { only = { 'quickfix' }, diagnostics = {} },
  filter = function(action) return action.title:find('RUN') end,
})
expect('its fix is applied', function() return lines()[edited] == text end)
expect('and all is as before', all('cached', 1, 'cached'))

edit(text .. ' /blog/drafts')
expect('an edit makes it rerun', all('cached', edited, 'r[eu]'))
vim.api.nvim_win_set_cursor(0, { edited, 0 })
vim.cmd('CooperBuildTo')
expect('built to here, it is cached', all('cached', edited + 1, 'r[eu]'))
io.stdout:write('passed\n')
vim.cmd('qall!')
