-- Shows what the language server of Cooperage knows, and adds commands for what it does. All work is the server's.

if vim.g.loaded_cooper then
  return
end
vim.g.loaded_cooper = true

-- Files that Neovim does not take for Dockerfiles by itself.
vim.filetype.add({
  filename = { Containerfile = 'dockerfile' },
  pattern = { ['.*%.Dockerfile'] = 'dockerfile', ['Containerfile%..*'] = 'dockerfile' },
})

local function is_ours(event)
  local client = vim.lsp.get_client_by_id(event.data.client_id)
  return client and client.name == 'cooper'
end

local function client_of(buf)
  return vim.lsp.get_clients({ name = 'cooper', bufnr = buf })[1]
end

-- Neovim asks for lenses only when it is told to.
local function refresh_lenses(buf)
  if client_of(buf) then
    vim.lsp.codelens.refresh({ bufnr = buf })
  end
end

vim.lsp.handlers['workspace/codeLens/refresh'] = vim.lsp.handlers['workspace/codeLens/refresh']
  or function(_, _, context)
    for buf in pairs(vim.lsp.get_client_by_id(context.client_id).attached_buffers) do
      vim.lsp.codelens.refresh({ bufnr = buf })
    end
    return vim.NIL
  end

-- What the server asks of a client that says, in lsp/cooper.lua, that it can.
vim.lsp.handlers['cooper/terminal'] = function(_, asked)
  vim.cmd('botright new')
  vim.fn.jobstart(asked.command, { term = true })
  vim.b.term_title = asked.name
  vim.cmd('startinsert')
  return vim.NIL
end

vim.lsp.handlers['cooper/show'] = function(_, shown)
  vim.lsp.util.open_floating_preview(vim.split(shown.text, '\n'), 'markdown', { title = shown.title, border = 'rounded' })
end

-- Each command of the server with the place it wants: the file, or the line of the cursor too, counted from 0.
local commands = {
  Build = { served = 'cooper.build', desc = 'build the image' },
  BuildTo = { served = 'cooper.buildTo', line = true, desc = 'build the step under the cursor and what it needs' },
  Run = { served = 'cooper.run', desc = 'build and run the image' },
  Explain = { served = 'cooper.explain', desc = 'say what the next build runs, and why' },
  Shell = { served = 'cooper.shell', line = true, desc = 'open a shell in the layers up to here' },
  Files = { served = 'cooper.layerFiles', line = true, desc = 'list the files of the layer of this step' },
  Target = { served = 'cooper.selectTarget', desc = 'choose the stage that is built' },
  Select = { served = 'cooper.selectBuild', desc = 'choose a build of a compose or bake file' },
}

local function execute(buf, command)
  local client = client_of(buf)
  if not client then
    vim.notify('cooper: the language server is not attached to this buffer', vim.log.levels.ERROR)
    return
  end
  local place = vim.empty_dict()
  if command.line then
    place.line = vim.api.nvim_win_get_cursor(0)[1] - 1
  end
  local arguments = { vim.uri_from_bufnr(buf), place }
  client:exec_cmd({ title = command.desc, command = command.served, arguments = arguments }, { bufnr = buf })
end

local group = vim.api.nvim_create_augroup('cooper', {})

-- Neovim shows no progress by itself: a build says below the text where it is, and how it ended.
local titles = {}
vim.api.nvim_create_autocmd('LspProgress', {
  group = group,
  callback = function(event)
    if not is_ours(event) then
      return
    end
    local token, value = event.data.params.token, event.data.params.value
    titles[token] = value.title or titles[token]
    vim.api.nvim_echo({ { ('%s: %s'):format(titles[token] or 'cooper', value.message or 'begins') } }, false, {})
    if value.kind == 'end' then
      titles[token] = nil
    end
  end,
})

vim.api.nvim_create_autocmd('LspAttach', {
  group = group,
  callback = function(event)
    if not is_ours(event) then
      return
    end
    local buf = event.buf
    vim.lsp.inlay_hint.enable(true, { bufnr = buf })
    refresh_lenses(buf)
    for name, command in pairs(commands) do
      vim.api.nvim_buf_create_user_command(buf, 'Cooper' .. name, function()
        execute(buf, command)
      end, { desc = command.desc })
    end
    vim.api.nvim_create_autocmd({ 'BufEnter', 'InsertLeave', 'TextChanged', 'BufWritePost' }, {
      group = group,
      buffer = buf,
      desc = 'lenses of the text as it is now',
      callback = function()
        refresh_lenses(buf)
      end,
    })
  end,
})
