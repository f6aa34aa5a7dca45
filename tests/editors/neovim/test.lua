-- Opens a Dockerfile that was built before. Every step is cached; after an edit that is not saved the edited step and all
-- below it rerun; undone, all are cached again; a mistake has a diagnostic at once. Exit status 0 when all holds.
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

vim.api.nvim_buf_set_lines(0, edited - 1, edited, false, { (text:gsub('^RUN', 'RUNN')) })
expect('a mistake has a diagnostic on its line', function()
  for _, d in ipairs(vim.diagnostic.get(0)) do
    if d.lnum + 1 == edited and d.message:find('unknown instruction') then return true end
  end
end)
vim.cmd('qall!')
